/**
 * The rules interpreted as they read: slow, with strings and sets, without tables, indices or bytes. Nothing runs on
 * it. Tests hold the compiled rules against it: what one delivers the other must, to the same tenants.
 */
import { interpretCondition, type PlainFields } from './interpret-condition.ts'
import { keyTenants, type PlainKeys } from './interpret-keys.ts'
import { labelTenants } from './interpret-label.ts'
import type { RulesModel } from './model.ts'

export interface PlainEvent {
  /** `other` when nothing recognises it. */
  readonly stream: string
  /** Bytes by position, trimmed; null when there is none. */
  readonly label: Buffer | null
  readonly complete_header: boolean
  /** Its source may send its stream. */
  readonly trusted: boolean
  /** Its tail was cut, and with it perhaps the label. */
  readonly cut: boolean
  /** Left out: it has no keys. */
  readonly keys?: PlainKeys
  /** What conditions read, without `stream`, `tenant` and `owner`. */
  readonly fields: PlainFields
}

export interface PlainVerdict {
  readonly tenant: string | null
  /** `key` for each kind of key. */
  readonly reason: string
  /** `tenant/forwarder`, sorted. */
  readonly forwarders: readonly string[]
}

/** Who gets the event. The rules must have compiled without errors. */
export function interpretEvent(model: RulesModel, event: PlainEvent): PlainVerdict {
  const { tenant, reason } = whose(model, event)
  const wantsOf = (seen_as: string | null) => {
    const fields = { ...event.fields, stream: event.stream, ...(seen_as === null ? {} : { tenant: seen_as }) }
    return ({ where }: { readonly where: RulesModel['provider'][number]['where'] }): boolean =>
      where === null || interpretCondition(where, fields)
  }
  const wants = wantsOf(tenant)
  const own = model.tenants
    .filter(({ name }) => name === tenant)
    .flatMap(({ name, forwarders }) =>
      forwarders.filter(wantsOf(name)).map((forwarder) => `${name}/${forwarder.name}`),
    )
  const seen = tenant === null ? ['all', 'orphans'] : ['all', 'owned']
  const provider = model.provider
    .filter((forwarder) => seen.includes(forwarder.scope) && wants(forwarder))
    .map(({ name }) => `provider/${name}`)
  return { tenant, reason, forwarders: [...own, ...provider].toSorted() }
}

/**
 * Who gets copies of an event of `owner`'s Data Center Group `group`: forwarders of those whom `shared` names, as `tenant/forwarder`,
 * sorted. Each sees the event as one of its own.
 */
export function interpretCopies(
  model: RulesModel,
  event: PlainEvent,
  owner: string,
  group: string,
): string[] {
  const { shared = [], tenants } = model
  const of = tenants.flatMap(({ data_center_groups }) => data_center_groups).find(({ id }) => id === group)
  const named = new Set(
    shared.filter((one) => one.group === group).flatMap((one) => one.with.map(({ id }) => id)),
  )
  return [...named]
    .flatMap((org) => {
      const those = tenants.filter((one) => one.org?.id === org)
      const takes_part = of?.participants === undefined || of.participants.includes(org)
      return those.length === 1 && takes_part && of?.contested !== true ? those : []
    })
    .filter(({ name }) => name !== owner)
    .flatMap(({ name, forwarders }) => {
      const fields = { ...event.fields, stream: event.stream, tenant: name }
      return forwarders
        .filter(({ where }) => where === null || interpretCondition(where, fields))
        .map((forwarder) => `${name}/${forwarder.name}`)
    })
    .toSorted()
}

interface Owner {
  readonly tenant: string | null
  readonly reason: string
}

function nobody(reason: string): Owner {
  return { tenant: null, reason }
}

function whose(model: RulesModel, event: PlainEvent): Owner {
  if (!event.trusted) return nobody('untrusted_source')
  const by_label = labelOwner(model, event)
  const named = event.keys === undefined ? new Set<string>() : keyTenants(model, event.stream, event.keys)
  const [one, ...more] = named
  if (one === undefined || by_label.reason === 'ambiguous_label') return by_label
  if (!event.complete_header) return nobody('untrusted_source')
  if (more.length > 0) return nobody('ambiguous_label')
  if (by_label.tenant === null) return { tenant: one, reason: 'key' }
  return by_label.tenant === one ? by_label : nobody('ambiguous_label')
}

function labelOwner(model: RulesModel, event: PlainEvent): Owner {
  const stream = model.streams.find(({ name }) => name === event.stream)
  if (stream === undefined || stream.label === 'none') return nobody('no_label')
  if (event.label === null || event.label.length === 0) return nobody('no_label')
  if (!event.complete_header) return nobody('untrusted_source')
  if (event.cut) return nobody('unknown_label')
  const label = event.label.toString('latin1')
  const { literal, whole, lone, contested } = labelTenants(model, stream, label)
  // Without an inventory, two tenants that one label fits are an error of the rules.
  const all = new Set([...literal, ...whole, ...lone])
  if (contested || all.size > 1) return nobody('ambiguous_label')
  for (const [tenants, reason] of [
    [literal, 'literal'],
    [whole, 'label'],
    [lone, 'label'],
  ] as const) {
    const [tenant] = tenants
    if (tenants.size > 1) return nobody('ambiguous_label')
    if (tenant !== undefined) return { tenant, reason }
  }
  return nobody('unknown_label')
}
