/** From what is known of a tenant to sentences about what is probably wrong, in the order of an event's way. */
import type { Why } from './why.ts'

type Known = Omit<Why, 'hints'> & { readonly rate_max: number | null }

export function whyHints(known: Known): string[] {
  return [...arrival(known), ...known.forwarders.flatMap((one) => forwarderHints(one, known))]
}

/** Before its forwarders: do its events come, and are they known for its own? */
function arrival({ tenant, events, objects, labelled, unlisted, unknown_labels, orphaned }: Known): string[] {
  const hints: string[] = []
  if (objects.length === 0)
    return [`${tenant} owns no Org VDC, group, gateway, label or key: no event can be its own`]
  if (events.start === 0) {
    const came = Object.entries(labelled).filter(([, count]) => count > 0)
    if (came.length === 0)
      return [
        'no event of a stream that carries labels has come: look at the senders, `refused` in status, and the network',
      ]
    hints.push(
      `no event was ${tenant}'s since the start, of ${came.map(([name, count]) => `${count} of ${name}`).join(', ')}`,
    )
  }
  for (const { label, events: count, nearest, stream } of unknown_labels)
    if (nearest !== null)
      hints.push(
        `${stream}: label ${JSON.stringify(label)} (${count} events) is nobody's; ${nearest.object ?? tenant} has ${JSON.stringify(nearest.label)}, and it ${nearest.differs.text}`,
      )
  for (const { source, streams } of unlisted)
    hints.push(
      `source ${source} does not list ${Object.keys(streams).join(', ')}: its events are nobody's (untrusted_source)`,
    )
  if (events.start === 0 && (orphaned['ambiguous_label'] ?? 0) > 0)
    hints.push(`${orphaned['ambiguous_label']} events had a label of two tenants (ambiguous_label)`)
  if (events.start === 0 && unknown_labels.length === 0 && (orphaned['no_label'] ?? 0) > 0)
    hints.push(`${orphaned['no_label']} events had no label: is the log label switched on in Cloud Director?`)
  return hints
}

function forwarderHints(one: Why['forwarders'][number], { events, rate_max }: Known): string[] {
  const { forwarder, state, last_error, where, asked, passed, rejected, dropped, held } = one
  const hints: string[] = []
  if (events.generation > 0 && where !== null && passed === 0)
    hints.push(`${forwarder}: its \`where\` rejected all ${rejected} events: ${where}`)
  else if (where !== null && asked > 0 && rejected > asked * 0.99)
    hints.push(`${forwarder}: its \`where\` rejected ${rejected} of ${asked} events: ${where}`)
  if (state !== 'active')
    hints.push(
      `${forwarder} is ${state}${last_error === null ? '' : `: ${last_error}`}; it holds ${held} events`,
    )
  for (const [reason, count] of Object.entries(dropped))
    hints.push(`${forwarder} dropped ${count}: ${REASONS[reason] ?? reason}`)
  if (one.sample !== null) hints.push(`${forwarder} gets a part of ${one.sample} only (\`sample\`)`)
  if (rate_max !== null && (dropped['tenant_rate'] ?? 0) > 0)
    hints.push(`the tenant's \`rate_max\` is ${rate_max} events a second`)
  return hints
}

const REASONS: Readonly<Record<string, string>> = {
  tenant_rate: "above the tenant's `rate_max` (tenant_rate)",
  forwarder_rate: "above the forwarder's `rate_max` (forwarder_rate)",
  sampled: 'left out by `sample` (sampled)',
  queue_full: 'its queue was full (queue_full)',
  rejected: 'refused by the destination (rejected)',
}
