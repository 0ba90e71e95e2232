/**
 * Every spelling that a label can have. Nobody has published how VCD composes labels byte by byte (docs/rules.md,
 * "Labels"), so the form in the rules is taken in each reading that it allows: hyphens kept or removed, every
 * separator, names trimmed or with runs of blanks folded, letters in the given, lower or upper case, and a cut
 * counted in characters, in UTF-16 units (what Java's `substring` does) or in bytes. All are looked up at once, so
 * more readings cost memory, not time.
 *
 * Labels are bytes. Here they travel as "byte strings": one character of 0–255 a byte, so that sets and joins work.
 */
import type { LabelFormatModel, LabelPartModel } from './model.ts'

/** What a label is composed of. Null: the object has none, so no label that needs it can be composed. */
export interface LabelSubject {
  readonly name: string | null
  readonly id: string | null
  readonly owner_id: string | null
  readonly owner_name: string | null
}

/** More variants of one object than this are not indexed: they say that the format is too vague to trust, or the name hostile. */
export const VARIANTS_MAX = 512

/** A key of the label table before it has a place in it. */
export interface LabelVariant {
  readonly part: 'whole' | 'prefix' | 'suffix'
  /** Byte string. */
  readonly bytes: string
  /** What the key tells: which object it is, or only the object's owner (a gateway's Org VDC or group). */
  readonly tells: 'object' | 'owner'
  /** Prefix and suffix: the most bytes that a label with this key can have. */
  readonly max: number
}

/** Fewer characters of an id than this meet by chance too easily to identify anybody alone. */
export const ALONE_MIN = 8

/** Longer labels are never looked up, and a literal may not be longer. */
export const LABEL_BYTES_MAX = 1024

/** UTF-8 bytes of a text as a byte string. A lone surrogate becomes U+FFFD. */
export function toByteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Bytes of a byte string. */
export function fromByteString(bytes: string): Buffer {
  return Buffer.from(bytes, 'latin1')
}

/** The text of a byte string, for people. */
export function readByteString(bytes: string): string {
  return fromByteString(bytes).toString('utf8')
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t'

/** Blanks and tabs off both ends, as the label by position has them off. */
export function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text[start])) start++
  while (end > start && isBlank(text[end - 1])) end--
  return text.slice(start, end)
}

/** The first `count` characters in every sense of the word. */
export function cutEveryWay(bytes: string, count: number): Set<string> {
  if (!/[^\x00-\x7f]/.test(bytes)) return new Set([bytes.slice(0, count)])
  const points = Array.from(readByteString(bytes))
  const cuts = new Set([toByteString(points.slice(0, count).join('')), bytes.slice(0, count)])
  let units = 0
  let head = ''
  for (const point of points) {
    if (units + point.length > count) {
      // Half of a surrogate pair: left out, written as `?` (Java), or as U+FFFD.
      if (units < count) cuts.add(`${toByteString(head)}?`).add(toByteString(`${head}\uFFFD`))
      break
    }
    units += point.length
    head += point
  }
  return cuts.add(toByteString(head))
}

/** The last `count` characters in every sense of the word. */
function endEveryWay(bytes: string, count: number): Set<string> {
  const text = readByteString(bytes)
  const units = text.slice(-count)
  // A half of a surrogate pair becomes U+FFFD.
  return new Set([
    toByteString(Array.from(text).slice(-count).join('')),
    toByteString(units),
    bytes.slice(-count),
  ])
}

function nameReadings(name: string, part: LabelPartModel, format: LabelFormatModel): Set<string> {
  const trimmed = trimBlanks(name)
  const folded = trimmed.replaceAll(/[ \t]+/g, ' ')
  const blanks = part.blanks.flatMap((blank) => {
    if (blank === 'keep') return [name, trimmed, folded]
    const glue = blank === 'remove' ? '' : blank
    return [trimmed.replaceAll(/[ \t]/g, glue), folded.replaceAll(' ', glue)]
  })
  const bases = blanks.flatMap((base) =>
    part.non_ascii.map((other) =>
      other === 'keep' ? base : base.replaceAll(/[^\x00-\x7f]/gu, other === 'remove' ? '' : other),
    ),
  )
  // ASCII letters are folded at look-up, so only other letters need their cases listed.
  const cases = format.case === 'any' && /[^\x00-\x7f]/.test(name)
  return new Set(cases ? bases.flatMap((base) => [base, base.toLowerCase(), base.toUpperCase()]) : bases)
}

function idReadings(id: string, part: LabelPartModel): Set<string> {
  return new Set(part.hyphens.map((hyphens) => (hyphens === 'keep' ? id : id.replaceAll('-', ''))))
}

/** Every reading of one part, as byte strings; empty when the object has no such name. */
export function partReadings(
  part: LabelPartModel,
  format: LabelFormatModel,
  subject: LabelSubject,
): Set<string> {
  const value = subject[part.take]
  const readings = new Set<string>()
  if (value === null || value === '') return readings
  const isName = part.take === 'name' || part.take === 'owner_name'
  for (const text of isName ? nameReadings(value, part, format) : idReadings(value, part)) {
    const bytes = toByteString(text)
    for (const cut of taken(bytes, part)) {
      readings.add(cut)
      if (isName) readings.add(trimBlanks(cut))
    }
  }
  readings.delete('')
  return readings
}

/** What `first` and `last` take of a text. */
function taken(bytes: string, { first, last }: LabelPartModel): Iterable<string> {
  if (first !== null) return cutEveryWay(bytes, first)
  return last === null ? [bytes] : endEveryWay(bytes, last)
}

/** The most bytes that a part can have whatever its object is called: 4 a character; unbounded when it is not cut. */
function partBytesMax(part: LabelPartModel): number {
  const count = part.first ?? part.last
  if (part.take === 'id' || part.take === 'owner_id') return Math.min(count ?? 36, 36)
  return count === null ? Number.MAX_SAFE_INTEGER : count * 4
}

/**
 * How many characters are left of the last part where a label is cut inside it, one number a length of separators: the
 * other parts are taken to be as long as they may be.
 */
function leftByCut(format: LabelFormatModel): number[] {
  const last = format.parts.length - 1
  const counts = format.parts.slice(0, last).map(({ take, first, last: end }) => {
    const most = take === 'id' || take === 'owner_id' ? 36 : null
    return first ?? end ?? most
  })
  if (format.cut === null || counts.includes(null)) return []
  const beside = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
  const room = format.cut - beside
  const lengths = new Set(format.separators.map((separator) => Array.from(separator).length))
  return [...lengths].map((length) => room - length * last).filter((left) => left >= ALONE_MIN)
}

function tellsOf(part: LabelPartModel): LabelVariant['tells'] {
  return part.take === 'owner_id' || part.take === 'owner_name' ? 'owner' : 'object'
}

function loneVariants(
  format: LabelFormatModel,
  readings: readonly Set<string>[],
  separatorBytes: number,
): LabelVariant[] {
  const variants: LabelVariant[] = []
  const last = format.parts.length - 1
  for (const [place, part] of format.parts.entries()) {
    if (!part.alone || last === 0 || (place !== 0 && place !== last)) continue
    const others = format.parts.filter((_, at) => at !== place).map((other) => partBytesMax(other))
    const beside = others.reduce((sum, bytes) => sum + bytes, separatorBytes * last)
    for (const bytes of readings[place] ?? []) {
      const max = Math.min(bytes.length + beside, LABEL_BYTES_MAX)
      const tells = tellsOf(part)
      if (place === 0) variants.push({ part: 'prefix', bytes, tells, max })
      else {
        variants.push({ part: 'suffix', bytes, tells, max })
        for (const left of leftByCut(format))
          if (left < bytes.length)
            variants.push({ part: 'suffix', bytes: bytes.slice(0, left), tells, max: left + beside })
      }
    }
  }
  return variants
}

/** There are more variants than {@link VARIANTS_MAX}. */
export interface TooMany {
  readonly count: number
  /** Those of parts that identify alone: they do not grow with what a name may be. */
  readonly lone: readonly LabelVariant[]
}

/**
 * Every key under which an object is found by this format, or how many there would be when that is more than
 * {@link VARIANTS_MAX}. A label may be cut at `cut` or not (samples show labels longer than the documented limit), so both are keys.
 */
export function labelVariants(format: LabelFormatModel, subject: LabelSubject): LabelVariant[] | TooMany {
  const readings = format.parts.map((part) => partReadings(part, format, subject))
  const separators = new Set(format.parts.length < 2 ? [''] : format.separators.map(toByteString))
  const separatorBytes = Math.max(0, ...[...separators].map((separator) => separator.length))
  const lone = loneVariants(format, readings, separatorBytes)
  const combinations = readings.reduce((product, set) => product * set.size, separators.size)
  if (combinations + lone.length > VARIANTS_MAX) return { count: combinations + lone.length, lone }
  const whole = new Set<string>()
  for (const separator of separators) {
    let composed = ['']
    for (const [place, set] of readings.entries()) {
      const glue = place === 0 ? '' : separator
      composed = composed.flatMap((head) => [...set].map((part) => head + glue + part))
    }
    for (const label of composed) {
      whole.add(trimBlanks(label))
      if (format.cut !== null) for (const cut of cutEveryWay(label, format.cut)) whole.add(trimBlanks(cut))
    }
  }
  whole.delete('')
  const tells = format.parts.some((part) => tellsOf(part) === 'object') ? 'object' : 'owner'
  const wholes = [...whole].map((bytes) => ({ part: 'whole', bytes, tells, max: bytes.length }) as const)
  const variants = [...wholes, ...lone].filter(({ bytes }) => bytes.length <= LABEL_BYTES_MAX)
  return variants.length > VARIANTS_MAX ? { count: variants.length, lone } : variants
}
