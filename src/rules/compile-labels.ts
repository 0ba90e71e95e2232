/**
 * From tenants and label formats to the label table: every key of every object, the owners they lead to, and the
 * complaint when two tenants could be taken for each other.
 */
import type { Finding, Place } from '../config/findings.ts'
import {
  type Collision,
  type ConfusableKey,
  CONTESTED,
  findConfusables,
  type KeyKind,
} from './compile-confusable.ts'
import { buildLabelTable, type LabelKey } from './label-table.ts'
import {
  cutEveryWay,
  fromByteString,
  LABEL_BYTES_MAX,
  type LabelVariant,
  labelVariants,
  toByteString,
  trimBlanks,
  VARIANTS_MAX,
} from './label-variants.ts'
import { NOBODY, type Owners } from './compile-owners.ts'
import { formatSubjects, type Known, type Subject } from './compile-subjects.ts'
import type { LabelFormatModel, RulesModel, StreamModel } from './model.ts'
import type { LabelProbe, LabelTablePlan } from './plan.ts'

export interface CompiledLabels {
  readonly labels: LabelTablePlan
  /** Tenants, by index, that at least one key leads to. */
  readonly reachable: ReadonlySet<number>
  readonly findings: readonly Finding[]
  /** Objects whose labels contradict each other, where that is no error. */
  readonly collisions: readonly Collision[]
}

/** Lone parts of more lengths than this would make the look-up slower with every tenant. */
const LONE_LENGTHS_MAX = 8

/** All keys, by kind, then by their bytes in lower case. */
class Keys {
  readonly kinds: KeyKind[] = []
  readonly #numbers = new Map<string, KeyKind>()

  kind(by: string, part: LabelProbe['part'], length: number, exact: boolean): KeyKind {
    const name = `${part} ${length} ${by}`
    let kind = this.#numbers.get(name)
    if (kind === undefined) {
      kind = { number: this.kinds.length + 1, by, part, length, exact, max: 0, keys: new Map() }
      this.#numbers.set(name, kind)
      this.kinds.push(kind)
    }
    return kind
  }

  /** Adds a key; the same key of the same tenant keeps what both owners share. */
  add(kind: KeyKind, key: ConfusableKey, max: number, owners: Owners): void {
    kind.max = Math.max(kind.max, max)
    const folded = foldByteString(key.bytes)
    const there = kind.keys.get(folded)
    if (there === undefined) {
      kind.keys.set(folded, [key])
      return
    }
    const equal = there.find(
      (other) => other.tenant === key.tenant && (!kind.exact || other.bytes === key.bytes),
    )
    if (equal === undefined) there.push(key)
    else if (equal.owner !== key.owner) equal.owner = owners.shared(equal.owner, key.owner)
  }
}

/** ASCII letters of a byte string in lower case. */
function foldByteString(bytes: string): string {
  return /[A-Z]/.test(bytes) ? bytes.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()) : bytes
}

/** Makes the table; who the keys lead to is added to `owners`. `streams` are those of the plan: index 0 is `other`. */
export function compileLabels(
  model: RulesModel,
  streams: readonly Pick<StreamModel, 'label' | 'label_formats'>[],
  owners: Owners,
): CompiledLabels {
  const findings: Finding[] = []
  const keys = new Keys()
  const used = new Set(streams.flatMap((stream) => (stream.label === 'none' ? [] : stream.label_formats)))
  const cuts = model.label_formats.flatMap(({ name, cut }) => (cut !== null && used.has(name) ? [cut] : []))
  addLiterals(model, [...new Set(cuts)], keys, owners, findings)
  for (const format of model.label_formats) {
    if (!used.has(format.name)) continue
    addFormat(model, format, keys, owners, findings)
  }
  const kindsOf = streams.map((stream) => streamKinds(stream, keys.kinds))
  const confusables = findConfusables(kindsOf, model.tenants)
  findings.push(...confusables.findings)
  const all = keys.kinds.flatMap((kind) => [...kind.keys.values()].flat().map((key) => tableKey(kind, key)))
  const probes = kindsOf.map((kinds) => kinds.map(toProbe))
  const reachable = new Set(all.map((key) => key.tenant))
  const labels = buildLabelTable(all, probes)
  return { labels, reachable, findings, collisions: confusables.collisions }
}

/**
 * Literals are what somebody typed: they count in every stream that carries labels, before composed ones, in their own
 * case. What cuts composed labels cuts these too, so that both the whole and what is left of it are known.
 */
function addLiterals(
  model: RulesModel,
  cuts: readonly number[],
  keys: Keys,
  owners: Owners,
  findings: Finding[],
): void {
  for (const [tenant, { labels, inventory }] of model.tenants.entries()) {
    const soft = inventory === true
    for (const { place, text } of labels) {
      const bytes = trimBlanks(toByteString(text))
      if (bytes === '' || bytes.length > LABEL_BYTES_MAX) {
        const message = `label ${JSON.stringify(text.slice(0, 40))} is ${bytes === '' ? 'empty' : 'too long'}`
        findings.push(
          error(place, message, `labels have 1 to ${LABEL_BYTES_MAX} bytes, blanks around them not counted`),
        )
        continue
      }
      const owner = owners.index({ ...NOBODY, tenant, by: 'literal', reason: 'literal' })
      const object = `label ${JSON.stringify(text)}`
      const kind = keys.kind('literal', 'whole', 0, true)
      const left = cuts.flatMap((cut) => [...cutEveryWay(bytes, cut)].map(trimBlanks))
      for (const variant of new Set([bytes, ...left])) {
        if (variant !== '')
          keys.add(kind, { bytes: variant, owner, tenant, place, object, soft }, variant.length, owners)
      }
    }
  }
}

function addFormat(
  model: RulesModel,
  format: LabelFormatModel,
  keys: Keys,
  owners: Owners,
  findings: Finding[],
): void {
  const kinds = new Map<string, KeyKind>()
  for (const [tenant, entry] of model.tenants.entries()) {
    const soft = entry.inventory === true
    for (const subject of formatSubjects(entry, format)) {
      const found = labelVariants(format, subject.from)
      if (!Array.isArray(found)) findings.push(tooMany(format, subject, found.count, soft))
      // Who names an object in Cloud Director must not be able to stop everybody's reload.
      const variants = Array.isArray(found) ? found : soft ? found.lone : []
      const ownerOf = (tells: LabelVariant['tells'], known: Known): number =>
        variants.some((variant) => variant.tells === tells)
          ? owners.index({ tenant, ...known, by: format.name, reason: 'label' })
          : 0
      const indices = { object: ownerOf('object', subject.known), owner: ownerOf('owner', subject.owner) }
      const { place, text: object, contested } = subject
      for (const { part, bytes, tells, max } of variants) {
        const length = part === 'whole' ? 0 : bytes.length
        const name = `${part} ${length}`
        const kind = kinds.get(name) ?? keys.kind(format.name, part, length, format.case === 'keep')
        kinds.set(name, kind)
        const whose = contested[tells] ? CONTESTED : { owner: indices[tells], tenant }
        keys.add(kind, { bytes, ...whose, place, object, soft }, max, owners)
      }
    }
  }
  const lone = [...kinds.values()].filter(({ length }) => length > 0).length
  if (lone > LONE_LENGTHS_MAX) {
    const message = `label_formats ${format.name}: its lone part has ${lone} different lengths`
    findings.push(
      error(format.place, message, 'let `alone` parts take an id, or a `first` that all names reach'),
    )
  }
}

function tooMany(format: LabelFormatModel, subject: Subject, count: number, soft: boolean): Finding {
  const message = `label_formats ${format.name}: ${count} variants of ${subject.text}, more than ${VARIANTS_MAX}`
  if (!soft)
    return error(
      format.place,
      message,
      'name fewer separators, or fewer parts with `hyphens: [keep, remove]`',
    )
  const told = `${message}: labels of it are known by the parts that identify alone`
  return { ...error(subject.place, told, 'give it a name with fewer kinds of characters'), level: 'warning' }
}

/** Kinds that a stream looks up, in order: literals, whole labels, then lone parts, the longest first. */
function streamKinds(
  stream: Pick<StreamModel, 'label' | 'label_formats'>,
  kinds: readonly KeyKind[],
): KeyKind[] {
  if (stream.label === 'none') return []
  const own = ['literal', ...stream.label_formats].flatMap((by) => kinds.filter((kind) => kind.by === by))
  const unique = [...new Set(own)]
  return unique.toSorted((a, b) =>
    a.length - b.length === 0 ? 0 : a.length === 0 ? -1 : b.length === 0 ? 1 : b.length - a.length,
  )
}

function toProbe({ number, part, length, max, exact, by }: KeyKind): LabelProbe {
  return { kind: number, part, length, max, exact, by }
}

function tableKey({ number, exact }: KeyKind, { bytes, owner, tenant }: ConfusableKey): LabelKey {
  return { kind: number, bytes: fromByteString(bytes), exact, owner, tenant }
}

function error(place: Place, message: string, hint: string): Finding {
  return { level: 'error', file: place.file, line: place.line, column: place.column, message, hint }
}
