/** What no test reaches: tenants, forwarders, conditions, streams and label formats. */
import type { Place } from '../../config/findings.ts'
import type { Verdict } from '../../rules/explain-verdict.ts'
import type { RulesPlan } from '../../rules/plan.ts'
import type { RulePlaces } from '../trace/places.ts'
import type { Trace } from '../trace/tracer.ts'
import { takersOf } from './compare.ts'

export interface Missed {
  readonly name: string
  readonly place: Place | undefined
  /** Of conditions: what was never seen. */
  readonly never?: 'asked' | 'held' | 'failed'
}

export interface Covered {
  readonly all: number
  readonly missed: readonly Missed[]
}

export interface CoverageReport {
  readonly tenants: Covered
  readonly forwarders: Covered
  /** Named ones, and each forwarder's `where`. */
  readonly conditions: Covered
  readonly streams: Covered
  readonly label_formats: Covered
}

interface Seen {
  held: boolean
  failed: boolean
}

export class Coverage {
  readonly #tenants = new Set<string>()
  readonly #forwarders = new Set<string>()
  readonly #streams = new Set<string>()
  readonly #formats = new Set<string>()
  /** By name for named ones, by `acme/siem` for those of forwarders. */
  readonly #named = new Map<string, Seen>()
  readonly #wheres = new Map<string, Seen>()

  /** An event that a test brought. */
  add(trace: Trace): void {
    this.#streams.add(trace.stream)
    if (trace.tenant !== null) this.#tenants.add(trace.tenant)
    if (trace.entry !== null) this.#formats.add(trace.entry.by)
    for (const key of takersOf(trace)) this.#forwarders.add(key)
    for (const { tenant, forwarder, where } of trace.forwarders) {
      if (where === undefined) continue
      note(this.#wheres, `${tenant}/${forwarder}`, where.holds)
      this.#note(where)
    }
  }

  #note(verdict: Verdict): void {
    if (verdict.op === 'field') return
    if (verdict.op === 'use') note(this.#named, verdict.name ?? '', verdict.holds)
    for (const inner of verdict.of) this.#note(inner)
  }

  report(plan: RulesPlan, places: RulePlaces): CoverageReport {
    const wheres = plan.forwarders.filter(({ condition }) => condition !== -1).map(({ key }) => key)
    const formats = [...new Set(plan.streams.flatMap(({ label_formats }) => label_formats))]
    return {
      tenants: covered(
        plan.tenants.map(({ name }) => name),
        this.#tenants,
        (name) => places.tenant(name),
      ),
      forwarders: covered(
        plan.forwarders.map(({ key }) => key),
        this.#forwarders,
        (key) => places.forwarder(key),
      ),
      conditions: {
        all: plan.named.length + wheres.length,
        missed: [
          ...plan.named.flatMap(({ name }) => unseen(name, this.#named.get(name), places.condition(name))),
          ...wheres.flatMap((key) => unseen(`where of ${key}`, this.#wheres.get(key), places.where(key))),
        ],
      },
      streams: covered(
        plan.streams.map(({ name }) => name),
        this.#streams,
        (name) => places.stream(name),
      ),
      label_formats: covered(formats, this.#formats, () => undefined),
    }
  }
}

function note(into: Map<string, Seen>, name: string, holds: boolean): void {
  const seen = into.get(name) ?? { held: false, failed: false }
  if (holds) seen.held = true
  else seen.failed = true
  into.set(name, seen)
}

function unseen(name: string, seen: Seen | undefined, place: Place | undefined): Missed[] {
  if (seen === undefined) return [{ name, place, never: 'asked' }]
  if (seen.held && seen.failed) return []
  return [{ name, place, never: seen.held ? 'failed' : 'held' }]
}

function covered(
  all: readonly string[],
  reached: ReadonlySet<string>,
  place: (name: string) => Place | undefined,
): Covered {
  const missed = all.filter((name) => !reached.has(name)).map((name) => ({ name, place: place(name) }))
  return { all: all.length, missed }
}
