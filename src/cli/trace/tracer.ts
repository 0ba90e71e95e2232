/** One event's whole story under a rule set: how it was read, whose it is and why, who gets it, what they are sent. */
import { Classifier } from '../../classify/classifier.ts'
import { type EventJson, eventObject } from '../../classify/event-json.ts'
import type { StreamMatch } from '../../classify/streams.ts'
import { EventView, HEADER_FORM_NAMES } from '../../classify/view.ts'
import type { Place } from '../../config/findings.ts'
import type { Settings } from '../../config/types.ts'
import { ConditionSet } from '../../rules/conditions.ts'
import { seenAs } from '../../rules/copies.ts'
import { type Explanation, explainEvent, type ForwarderDecision } from '../../rules/explain.ts'
import { type Verdict, verdictOf } from '../../rules/explain-verdict.ts'
import { LabelTable } from '../../rules/label-table.ts'
import type { RulesModel } from '../../rules/model.ts'
import { type NearestLabel, nearestLabels } from '../../rules/nearest-label.ts'
import { type Ownership, ownershipOf } from '../../rules/ownership.ts'
import type { RulesPlan } from '../../rules/plan.ts'
import { PlanNames } from '../../worker/names.ts'
import { RulePlaces } from './places.ts'
import { Sender } from './sender.ts'

export interface TracedForwarder extends ForwarderDecision {
  readonly place: Place | undefined
  /** Of an event in its scope: what was asked of it. */
  readonly where?: Verdict
  /** What would be sent; null: the format cannot express it. Missing where nothing is sent. */
  readonly sends?: Buffer | null
  /** The part of such events that is sent, by chance, and events a second at most. */
  readonly sample?: number
  readonly rate_max?: number
}

/** The way by which a stream recognised the event. */
export interface Recognised {
  readonly match: StreamMatch
  readonly place: Place | undefined
}

/** The entry of the table of labels that was hit. */
export interface TableEntry {
  /** Label format, `literal`, or the kind of key. */
  readonly by: string
  /** Which part of the label decided; missing for keys. */
  readonly part?: 'whole' | 'prefix' | 'suffix'
  readonly text?: string
  readonly object: string | null
  readonly place: Place | undefined
}

export interface Trace extends Omit<Explanation, 'forwarders'> {
  readonly header: (typeof HEADER_FORM_NAMES)[number]
  readonly valid: boolean
  readonly event: EventJson
  readonly recognised: Recognised | null
  /** Bytes of the event, from 0; the end is behind the last. */
  readonly label_at: readonly [number, number] | null
  readonly entry: TableEntry | null
  /** Of a label that nobody owns. */
  readonly nearest: NearestLabel | null
  readonly forwarders: readonly TracedForwarder[]
}

export interface TracerRules {
  readonly plan: RulesPlan
  readonly model: RulesModel
  readonly settings: Pick<Settings, 'listeners' | 'sources'>
  /** The key of hashes. */
  readonly key: string
}

export interface TraceOptions {
  /** Whether the source may send the event's stream; left out: as the view's source number says. */
  readonly trusted?: boolean
  /** Other tenants' forwarders too, which never see the event. */
  readonly others: boolean
}

export class Tracer {
  readonly plan: RulesPlan
  readonly places: RulePlaces
  readonly ownership: Ownership
  readonly #settings: TracerRules['settings']
  readonly #conditions: ConditionSet
  readonly #env: { readonly listeners: readonly string[]; readonly sources: Settings['sources'] }
  readonly #names: PlanNames
  readonly #sender: Sender
  readonly #labels: LabelTable
  readonly #indices: ReadonlyMap<string, number>
  readonly #alternatives = new Map<number, readonly Classifier[]>()

  constructor({ plan, model, settings, key }: TracerRules) {
    this.plan = plan
    this.places = new RulePlaces(model)
    this.#settings = settings
    this.ownership = ownershipOf(plan, settings.sources)
    this.#env = { listeners: settings.listeners.map(({ name }) => name), sources: settings.sources }
    this.#conditions = new ConditionSet(plan, this.#env)
    this.#names = new PlanNames(plan, settings)
    const classifier = new Classifier(plan.streams)
    this.#sender = new Sender({ plan, env: this.#env, names: this.#names, classifier, key })
    this.#labels = new LabelTable(plan.labels)
    this.#indices = new Map(plan.forwarders.map((forwarder, index) => [forwarder.key, index]))
  }

  /** The story of a classified event. */
  trace(view: EventView, options: TraceOptions): Trace {
    const { plan, ownership } = this
    const explainer = { plan, ownership, conditions: this.#conditions, env: this.#env }
    const told = explainEvent(view, explainer, options)
    const owner = Math.max(0, ownership.decideTrusted(view, options.trusted ?? ownership.trusts(view)))
    const zone = this.#settings.sources[view.source - 1]?.zone ?? 'UTC'
    const event = eventObject(view, told.stream, { ownership: this.#names.owner(owner), zone })
    const has_label = view.label_start >= 0
    const unknown = told.reason === 'unknown_label' && told.label !== null
    return {
      ...told,
      header: HEADER_FORM_NAMES[view.form],
      valid: event.valid,
      event,
      recognised: this.#recognised(view),
      label_at: has_label ? [view.label_start - view.start, view.label_end - view.start] : null,
      entry: this.#entry(view, owner, told),
      nearest: unknown ? (nearestLabels(plan, view.stream, [told.label ?? ''])[0] ?? null) : null,
      forwarders: told.forwarders.map((decision) => this.#forwarder(decision, view, owner, told)),
    }
  }

  #forwarder(
    decision: ForwarderDecision,
    view: EventView,
    owned_by: number,
    told: Explanation,
  ): TracedForwarder {
    const { plan, places } = this
    const key = `${decision.tenant}/${decision.forwarder}`
    const index = this.#indices.get(key) ?? -1
    const forwarder = plan.forwarders[index]
    const owner = seenAs(plan, owned_by, forwarder?.tenant ?? -1)
    const { sample = null, rate_max = null } = forwarder ?? {}
    const condition = plan.conditions[forwarder?.condition ?? -1]
    const is_copy = owner > 0 && owner !== owned_by
    const seen = decision.decision === 'forward' || is_copy || this.#inScope(index, told.tenant)
    const where =
      seen && condition !== undefined
        ? verdictOf(condition, { view, owner, plan, env: this.#env })
        : undefined
    const sends = decision.decision === 'forward' ? this.#sender.send(view, owner, index) : undefined
    return {
      ...decision,
      place: where === undefined ? places.forwarder(key) : this.#placeOf(key, where),
      ...(where === undefined ? {} : { where }),
      ...(sends === undefined ? {} : { sends }),
      ...(sample === null ? {} : { sample }),
      ...(rate_max === null ? {} : { rate_max }),
    }
  }

  /** Where the comparison stands that decided, if there is one; else the whole condition. */
  #placeOf(key: string, where: Verdict): Place | undefined {
    const decided = decisive(where)
    return decided === undefined ? this.places.where(key) : this.places.comparison(key, decided)
  }

  #inScope(index: number, tenant: string | null): boolean {
    const forwarder = this.plan.forwarders[index]
    if (forwarder === undefined) return false
    if (forwarder.tenant >= 0) return this.plan.tenants[forwarder.tenant]?.name === tenant
    return forwarder.scope === 'all' || (forwarder.scope === 'owned') === (tenant !== null)
  }

  #recognised(view: EventView): Recognised | null {
    const stream = this.plan.streams[view.stream]
    if (view.stream === 0 || stream === undefined) return null
    let ways = this.#alternatives.get(view.stream)
    if (ways === undefined) {
      const other = this.plan.streams.slice(0, 1)
      ways = stream.match.map((match) => new Classifier([...other, { ...stream, match: [match] }]))
      this.#alternatives.set(view.stream, ways)
    }
    const copy = new EventView()
    const index = ways.findIndex((way) => {
      copy.buf = view.buf
      copy.start = view.start
      copy.end = view.end
      copy.flags = view.flags
      way.classify(copy)
      return copy.stream === 1
    })
    const match = stream.match[index]
    return match === undefined ? null : { match, place: this.places.stream(stream.name, index) }
  }

  #entry(view: EventView, owner: number, told: Explanation): TableEntry | null {
    const found = owner > 0 ? this.plan.owners[owner] : undefined
    if (found === undefined) return null
    const { gateway, data_center_group, org_vdc, by, reason } = found
    const object = objectText(gateway, data_center_group, org_vdc)
    const place = this.places.owner(found, told.tenant ?? '', told.label)
    if (reason !== 'label' && reason !== 'literal') return { by, object, place }
    this.#labels.find(view.stream, view.buf, view.label_start, view.label_end)
    const probes = this.plan.labels.probes[view.stream] ?? []
    const wholes = probes.filter(({ part }) => part === 'whole')
    const lones = probes.filter(({ part }) => part !== 'whole')
    const probe = [...wholes, ...lones][this.#labels.probe]
    if (probe === undefined) return { by, object, place }
    const label = view.buf.subarray(view.label_start, view.label_end)
    const text =
      probe.part === 'whole'
        ? label
        : probe.part === 'prefix'
          ? label.subarray(0, probe.length)
          : label.subarray(-probe.length)
    return { by, part: probe.part, text: text.toString('utf8'), object, place }
  }
}

/** The field of the one comparison that decided; undefined when there is none, or several. */
function decisive(verdict: Verdict): (Verdict & { readonly op: 'field' })['id'] | undefined {
  if (verdict.op === 'field') return verdict.id
  if (verdict.op === 'use') return undefined
  const deciding =
    verdict.op === 'not' ? verdict.of : verdict.of.filter((inner) => inner.holds === verdict.holds)
  const [only] = deciding
  return deciding.length === 1 && only !== undefined ? decisive(only) : undefined
}

interface Named {
  readonly id: string
  readonly name: string | null
}

function objectText(gateway: Named | null, group: Named | null, vdc: Named | null): string | null {
  if (gateway !== null) return `gateway ${gateway.name ?? gateway.id}`
  if (group !== null) return `Data Center Group ${group.name ?? group.id}`
  return vdc === null ? null : `Org VDC ${vdc.name ?? vdc.id}`
}
