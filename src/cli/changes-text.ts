/** What a reload changes, in lines: tenants and destinations first. */
import type { Changes } from '../control/changes.ts'

/** Longer lists are told by their number. */
const LINES_MAX = 40

export function changeLines(changes: Changes): string[] {
  const { tenants, destinations, owners, forwarders } = changes
  const moved = destinations.filter(({ from, to }) => from !== null && to !== null)
  const to = new Map(destinations.map((one) => [one.forwarder, one.to ?? one.from ?? '']))
  const arrow = (key: string): string => `${key} -> ${to.get(key) ?? ''}`
  const parts: [string, readonly string[]][] = [
    ['tenants added', tenants.added],
    ['tenants removed', tenants.removed],
    ['tenants renamed', tenants.renamed.map((one) => `${one.from} -> ${one.to}`)],
    ['tenants changed', tenants.changed],
    ['moved to another tenant', owners.moved.map((one) => `${one.object}: ${one.from} -> ${one.to}`)],
    ['no longer known, events become orphans', owners.removed.map((one) => `${one.object} (${one.tenant})`)],
    ['newly known', owners.added.map((one) => `${one.object} (${one.tenant})`)],
    ['other destinations', moved.map((one) => `${one.forwarder}: ${one.from ?? ''} -> ${one.to ?? ''}`)],
    ['forwarders added', forwarders.added.map(arrow)],
    ['forwarders removed', forwarders.removed.map(arrow)],
    [
      'forwarders changed',
      forwarders.changed.map((key) => `${key} (${(forwarders.keys[key] ?? []).join(', ')})`),
    ],
    ['needs a restart', changes.needs_restart],
  ]
  const lines = parts.flatMap(([what, names]) => listed(what, names))
  if (changes.labels_changed && lines.every((line) => !/known|moved|tenants/.test(line)))
    lines.push('  labels changed')
  return lines.length === 0 ? ['  nothing changed'] : lines
}

/** A short list on one line, a long one below its name. */
function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return []
  const joined = names.join(', ')
  if (joined.length <= 100 && names.length <= 6) return [`  ${what}: ${joined}`]
  const more = names.length > LINES_MAX ? [`    and ${names.length - LINES_MAX} more`] : []
  return [`  ${what}: ${names.length}`, ...names.slice(0, LINES_MAX).map((name) => `    ${name}`), ...more]
}
