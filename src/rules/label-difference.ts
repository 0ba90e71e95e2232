/** How a label differs from a known one, in words: for people who wonder why nobody owns it. */

/** Longer pieces are shown cut. */
const SHOWN_MAX = 40
/** Fewer characters in common are chance. */
const SHARED_MIN = 6

/** Alike differences say that whoever composes labels composes them differently. */
export type DifferenceKind = 'case' | 'separators' | 'cut' | 'longer' | 'part' | 'place' | 'other'

export interface Difference {
  readonly kind: DifferenceKind
  /** A clause about the label: `has "…" where the known one has "…"`. */
  readonly text: string
}

/** What a label must be changed by to be the known one. They must differ. */
export function labelDifference(label: string, known: string): Difference {
  const [a, b] = [label.toLowerCase(), known.toLowerCase()]
  if (a === b) return { kind: 'case', text: 'differs in capital letters only' }
  if (bare(a) === bare(b)) return { kind: 'separators', text: separators(label, known) }
  if (b.startsWith(a)) {
    return { kind: 'cut', text: `has only the first ${count(label)} of ${count(known)}` }
  }
  if (a.startsWith(b)) return { kind: 'longer', text: `has ${show(label.slice(known.length))} behind it` }
  if (a.endsWith(b)) return { kind: 'longer', text: `has ${show(label.slice(0, -known.length))} before it` }
  const start = sharedStart(a, b)
  const end = Math.min(sharedStart(reversed(a), reversed(b)), Math.min(a.length, b.length) - start)
  if (start + end >= Math.max(SHARED_MIN, Math.min(a.length, b.length) / 2)) {
    return { kind: 'part', text: part(label, known, start, end) }
  }
  const { length, at, there } = longestShared(a, b)
  if (length < SHARED_MIN) return { kind: 'other', text: 'has hardly anything in common with it' }
  const shared = show(label.slice(at, at + length))
  if (at === there) return { kind: 'part', text: `shares only ${shared} with it` }
  const place = (offset: number): string =>
    offset === 0 ? 'at the beginning' : `behind ${offset} characters`
  return { kind: 'place', text: `has ${shared} ${place(at)}, the known one ${place(there)}` }
}

function bare(text: string): string {
  return text.replaceAll(/[-_ .:/]/g, '')
}

function separators(label: string, known: string): string {
  const at = sharedStart(label.toLowerCase(), known.toLowerCase())
  const before = at === 0 ? 'at its beginning' : `behind ${show(label.slice(0, at))}`
  const piece = (text: string): string => {
    const found = /^[-_ .:/]+/.exec(text.slice(at))?.[0]
    return found === undefined ? 'nothing' : show(found)
  }
  return `differs in separators or hyphens only: ${piece(label)} ${before} where the known one has ${piece(known)}`
}

function part(label: string, known: string, start: number, end: number): string {
  const here = label.slice(start, label.length - end)
  const there = known.slice(start, known.length - end)
  const where = [...(start > 0 ? [`the first ${start}`] : []), ...(end > 0 ? [`the last ${end}`] : [])].join(
    ' and ',
  )
  const said = here === '' ? 'lacks' : `has ${show(here)} instead of`
  return `${said} ${there === '' ? 'nothing' : show(there)}; ${where} characters are the same`
}

/** How many characters both begin with. */
export function sharedStart(a: string, b: string): number {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1
  return at
}

function reversed(text: string): string {
  return text.split('').reverse().join('')
}

/** The longest run that both have; of several the first. */
function longestShared(a: string, b: string): { length: number; at: number; there: number } {
  let best = { length: 0, at: 0, there: 0 }
  let above = new Uint16Array(b.length + 1)
  for (let i = 1; i <= a.length; i++) {
    const row = new Uint16Array(b.length + 1)
    for (let j = 1; j <= b.length; j++) {
      if (a[i - 1] !== b[j - 1]) continue
      const length = above[j - 1]! + 1
      row[j] = length
      if (length > best.length) best = { length, at: i - length, there: j - length }
    }
    above = row
  }
  return best
}

function count(text: string): string {
  return `${text.length} characters`
}

function show(text: string): string {
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text)
}
