/** Sizes and times as the configuration writes them: a number and its unit in one text, `64KiB`, `250ms`. */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** For JSON Schema; anchored, so that editors mark what the reader would refuse. */
export const SIZE_PATTERN = String.raw`^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB)$`
export const DURATION_PATTERN = String.raw`^[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d)$`
export const DURATION_OR_OFF_PATTERN = String.raw`^(off|[0-9]+(\.[0-9]+)? ?(ms|s|m|h|d))$`

/** Longer texts are no quantity; this also keeps the expression's work small. */
const LONGEST = 32

/** What became of reading a quantity: a whole number of bytes or milliseconds, or why not. */
export type Quantity = { readonly value: number } | { readonly problem: string; readonly hint: string }

/** Bytes of `64KiB`. Units are powers of 1024; `KB` and the like are refused, since they mean two things. */
export function parseSize(text: string): Quantity {
  const units = SIZE_UNITS
  const { number, unit } = split(text)
  if (number === undefined) return notOne(text, 'a size', '64KiB, 4MiB or 10GiB')
  if (unit === '')
    return { problem: 'a size needs its unit', hint: `write ${number}B, ${number}KiB or ${number}MiB` }
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (factor === undefined) {
    const meant = Object.keys(units).find(
      (known) => known.replace('i', '').toLowerCase() === unit.toLowerCase().replace('i', ''),
    )
    const short = /^[kmgt]$/i.test(unit) ? `${unit.toUpperCase()}iB` : undefined
    const unitMeant = meant ?? short
    const lead = unitMeant === undefined ? '' : `write ${number}${unitMeant}: `
    const hint = `${lead}units are B, KiB, MiB, GiB and TiB`
    return { problem: `unknown unit in ${quoted(text)}`, hint }
  }
  return whole(text, Number(number) * factor, 'bytes')
}

/** Milliseconds of `250ms`, `10m`, `24h`. */
export function parseDuration(text: string): Quantity {
  const { number, unit } = split(text)
  if (number === undefined) return notOne(text, 'a time', '250ms, 30s, 10m or 24h')
  if (unit === '')
    return { problem: 'a time needs its unit', hint: `write ${number}ms, ${number}s or ${number}m` }
  const factor = Object.hasOwn(TIME_UNITS, unit) ? TIME_UNITS[unit] : undefined
  if (factor === undefined) {
    return { problem: `unknown unit in ${quoted(text)}`, hint: 'units are ms, s, m, h and d' }
  }
  return whole(text, Number(number) * factor, 'milliseconds')
}

/** `65536` as `64KiB`: the largest unit that divides it. */
export function sizeText(bytes: number): string {
  return largest(bytes, SIZE_UNITS)
}

/** `600000` as `10m`: the largest unit that divides it. */
export function durationText(ms: number): string {
  return largest(ms, TIME_UNITS)
}

/** A value from a file in a message: short, on one line, without control characters. */
export function quoted(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return JSON.stringify(cut)
}

function split(text: string): { number: string | undefined; unit: string } {
  if (text.length > LONGEST) return { number: undefined, unit: '' }
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([A-Za-zµ]*)$/.exec(text.trim())
  return { number: match?.[1], unit: match?.[2] ?? '' }
}

function notOne(text: string, what: string, examples: string): Quantity {
  return { problem: `${quoted(text)} is not ${what}`, hint: `write for example ${examples}` }
}

function whole(text: string, value: number, unit: string): Quantity {
  if (Number.isSafeInteger(value)) return { value }
  return {
    problem: `${quoted(text)} is not a whole number of ${unit}`,
    hint: 'use a smaller unit or a smaller number',
  }
}

function largest(value: number, units: Readonly<Record<string, number>>): string {
  let text = `${value}${Object.keys(units)[0] ?? ''}`
  for (const [unit, factor] of Object.entries(units)) {
    if (value !== 0 && value % factor === 0) text = `${value / factor}${unit}`
  }
  return text
}
