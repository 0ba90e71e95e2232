/**
 * Keys without a label: NSX projects and VPCs, interfaces of edge gateways, rule ids, Cloud Foundry organizations. Looked up
 * over bytes in a table like the labels' own, at a cost that depends on the event alone; made only for rule sets in
 * which a tenant has such keys.
 */
import { Buffer } from 'node:buffer'
import { interfaceDigits, OnlyValue, onlySdValue } from '../classify/keys.ts'
import type { StreamKey } from '../classify/streams.ts'
import { Fw, Grammar, type EventView } from '../classify/view.ts'
import { LABEL_AMBIGUOUS, LabelTable } from './label-table.ts'
import { KEY_SPACES, type KeysPlan, type OwnerPlan, type RuleScope } from './plan.ts'

/** What rule ids ask of a source. */
export interface ScopedSource {
  readonly name: string
  readonly site: string | null
}

/** A place of a key, made ready for bytes. */
interface Place {
  readonly key: StreamKey['key']
  readonly space: number
  readonly id: Buffer
  readonly params: readonly Buffer[]
}

const INTERFACE = KEY_SPACES.indexOf('interface')
const NO_SCOPES = new Int32Array(0)

export class TenantKeys {
  readonly #table: LabelTable
  readonly #tenants: Int32Array
  readonly #streams: readonly (readonly Place[] | undefined)[]
  /** Name spaces of rule ids by source number; number 0 is a peer of no source, for which none count. */
  readonly #scopes: readonly Int32Array[]
  readonly #span = new Int32Array(2)
  readonly #digits = Buffer.alloc(32)
  #found = 0

  /** `owners` and `sources` by number, sources from 1. */
  constructor(plan: KeysPlan, owners: readonly OwnerPlan[], sources: readonly ScopedSource[]) {
    this.#table = new LabelTable(plan.table)
    this.#tenants = Int32Array.from(owners, ({ tenant }) => tenant)
    this.#streams = plan.streams.map((keys) => keys?.map(toPlace))
    this.#scopes = [NO_SCOPES, ...sources.map((source) => spacesOf(plan.scopes, source))]
  }

  /** The owner that the event's keys name, 0 when they name none, {@link LABEL_AMBIGUOUS} when they name two tenants. */
  find(view: EventView): number {
    const places = this.#streams[view.stream]
    if (places === undefined) return 0
    this.#found = 0
    for (let i = 0; i < places.length; i++) if (!this.#look(view, places[i]!)) return LABEL_AMBIGUOUS
    return this.#found
  }

  /** Whether both owners are of one tenant. */
  sameTenant(a: number, b: number): boolean {
    return this.#tenants[a] === this.#tenants[b]
  }

  /** False when the place names another tenant than those before it, or contradicts itself. */
  #look(view: EventView, place: Place): boolean {
    if (place.key === 'rule_id') return this.#rule(view)
    if (place.key === 'interface') return this.#interface(view)
    if (view.sd_start < 0) return true
    const span = this.#span
    for (let i = 0; i < place.params.length; i++) {
      const name = place.params[i]!
      const found = onlySdValue(view.buf, view.sd_start, view.sd_end, place.id, name, span)
      if (found === OnlyValue.several) return false
      if (found === OnlyValue.one && !this.#take(place.space, view.buf, span[0]!, span[1]!)) return false
    }
    return true
  }

  #rule(view: EventView): boolean {
    const start = view.fw[Fw.rule_id]!
    const scopes = this.#scopes[view.source]
    if (view.grammar === Grammar.none || start < 0 || scopes === undefined) return true
    for (let i = 0; i < scopes.length; i++) {
      if (!this.#take(scopes[i]!, view.buf, start, view.fw[Fw.rule_id + 1]!)) return false
    }
    return true
  }

  #interface(view: EventView): boolean {
    const start = view.fw[Fw.interface]!
    if (view.grammar === Grammar.none || start < 0) return true
    if (!interfaceDigits(view.buf, start, view.fw[Fw.interface + 1]!, this.#digits)) return true
    return this.#take(INTERFACE, this.#digits, 0, this.#digits.length)
  }

  #take(space: number, buf: Buffer, start: number, end: number): boolean {
    const owner = this.#table.find(space, buf, start, end)
    if (owner <= 0) return owner === 0
    if (this.#found === 0) this.#found = owner
    return this.sameTenant(this.#found, owner)
  }
}

function toPlace({ key, structured_data }: StreamKey): Place {
  return {
    key,
    space: KEY_SPACES.findIndex((name) => name === key),
    id: Buffer.from(structured_data?.id ?? ''),
    params: (structured_data?.params ?? []).map((name) => Buffer.from(name)),
  }
}

function spacesOf(scopes: readonly RuleScope[], { name, site }: ScopedSource): Int32Array {
  const spaces = scopes.flatMap((scope, index) =>
    ('site' in scope ? scope.site === site : scope.source === name) ? [KEY_SPACES.length + index] : [],
  )
  return Int32Array.from(spaces)
}
