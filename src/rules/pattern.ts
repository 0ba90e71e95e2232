/**
 * Regular expressions of rules: RE2 syntax, matched in linear time by re2js, whatever the pattern and the event are.
 *
 * What RE2 does not have (look-around, back-references, possessive and atomic groups) is found by a scan of our own,
 * which says where in the pattern it stands; the engine names only the piece that it refused.
 */
import type { Buffer } from 'node:buffer'
import { RE2JS } from 're2js'
import { bytesContain, type Needle, needle } from './conditions-bytes.ts'

/** Characters of one pattern. */
export const PATTERN_MAX = 1000
/** Instructions of a compiled pattern: an event costs at most so many steps a byte, and usually one. */
const PROGRAM_MAX = 2000

export interface PatternProblem {
  readonly message: string
  readonly hint: string
  /** Of the first character that is wrong, in UTF-16 units. */
  readonly offset: number
}

const NO_LOOK = 'look-around needs backtracking, which an event could be written to abuse'
const LOOK_HINT = 'ask with a second condition, or with `not`, for what must stand beside it'

/** Constructs that other engines know and RE2 does not, by how they begin behind `(?`. */
const REFUSED_GROUPS: readonly (readonly [string, string, string])[] = [
  ['=', `\`(?=\`: ${NO_LOOK}`, LOOK_HINT],
  ['!', `\`(?!\`: ${NO_LOOK}`, LOOK_HINT],
  ['<=', `\`(?<=\`: ${NO_LOOK}`, LOOK_HINT],
  ['<!', `\`(?<!\`: ${NO_LOOK}`, LOOK_HINT],
  ['>', '`(?>`: there are no atomic groups', 'remove `?>`: nothing backtracks here'],
  ['P=', '`(?P=…)`: back-references need backtracking', 'write the text that is meant again'],
  ['P>', '`(?P>…)`: a pattern cannot call itself', 'write it out'],
  ['R', '`(?R)`: a pattern cannot call itself', 'write it out'],
  ['(', '`(?(`: there are no conditions inside a pattern', 'use `any:` and `all:` around the field'],
  ['#', '`(?#`: there are no comments in a pattern', 'write a YAML comment behind it'],
]

/** Why the text is no pattern; undefined when it is one. */
export function patternProblem(text: string): PatternProblem | undefined {
  if (text === '')
    return { message: 'an empty pattern matches everything', hint: 'use `exists: true`', offset: 0 }
  if (text.length > PATTERN_MAX) {
    const hint = 'use several patterns: a list means any of them'
    return { message: `is longer than ${PATTERN_MAX} characters`, hint, offset: PATTERN_MAX }
  }
  const refused = scan(text).refused
  if (refused !== undefined) return refused
  try {
    const size = RE2JS.compile(text).programSize()
    if (size <= PROGRAM_MAX) return undefined
    const message = `becomes ${size} steps, and at most ${PROGRAM_MAX} are allowed`
    return { message, hint: 'lower its repeat counts', offset: 0 }
  } catch (error) {
    return engineProblem(error, text)
  }
}

function engineProblem(error: unknown, text: string): PatternProblem {
  const { error: said, input } = error as { readonly error?: unknown; readonly input?: unknown }
  const what = typeof said === 'string' ? said : 'is not a pattern'
  const piece = typeof input === 'string' ? input : ''
  const at = piece === '' ? -1 : text.lastIndexOf(piece)
  const message = piece === '' ? what : `${what}: ${JSON.stringify(piece)}`
  return { message, hint: 'patterns have RE2’s syntax', offset: Math.max(0, at) }
}

interface Scan {
  readonly refused: PatternProblem | undefined
  /** The longest text that every match holds; empty when none is known. */
  readonly literal: string
}

/** ASCII only: what is no UTF-8 counts as U+FFFD, so other characters of a match need not stand in the bytes. */
const PLAIN = /[^\\^$.|?*+()[\]{}\u0080-\uffff]/

/** One pass over the pattern: refused constructs, and literal text outside of groups and alternatives. */
function scan(text: string): Scan {
  let depth = 0
  let best = ''
  let run = ''
  let alternatives = false
  let flags = false
  const end = (): void => {
    if (run.length > best.length) best = run
    run = ''
  }
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string
    let width = 1
    let literal = ''
    if (char === '\\') {
      const next = text[at + 1] ?? ''
      const refused = refusedEscape(next, at)
      if (refused !== undefined) return { refused, literal: '' }
      width = escapeWidth(text, at)
      if (width === 2 && /[^A-Za-z0-9\u0080-\uffff]/.test(next)) literal = next
    } else if (char === '[') width = classWidth(text, at)
    else if (char === '(') {
      const refused = text[at + 1] === '?' ? refusedGroup(text, at) : undefined
      if (refused !== undefined) return { refused, literal: '' }
      if (/^\(\?[a-zA-Z-]*i/.test(text.slice(at, at + 8))) flags = true
      depth += 1
    } else if (char === ')') depth -= 1
    else if (char === '|') alternatives ||= depth === 0
    else if (PLAIN.test(char)) literal = char
    const behind = at + width
    const quantifier = quantifierWidth(text, behind)
    if (quantifier > 0 && text[behind + quantifier] === '+') {
      const message = `\`${text.slice(behind, behind + quantifier + 1)}\`: there are no possessive quantifiers`
      const hint = 'remove the second `+`: nothing backtracks here'
      return { refused: { message, hint, offset: behind }, literal: '' }
    }
    if (literal === '' || depth > 0 || quantifier > 0) end()
    else run += literal
    at = behind + quantifier
  }
  end()
  return { refused: undefined, literal: alternatives || flags ? '' : best }
}

function refusedEscape(next: string, offset: number): PatternProblem | undefined {
  if (!/[1-9kg]/.test(next)) return undefined
  const message = `\`\\${next}\`: back-references need backtracking, which an event could be written to abuse`
  return { message, hint: 'write the text that is meant again', offset }
}

function refusedGroup(text: string, offset: number): PatternProblem | undefined {
  const inside = text.slice(offset + 2, offset + 4)
  const found = REFUSED_GROUPS.find(([begin]) => inside.startsWith(begin))
  return found === undefined ? undefined : { message: found[1], hint: found[2], offset }
}

/** `\pL`, `\x{263a}`, `\Q…\E` are longer than two. */
function escapeWidth(text: string, at: number): number {
  const rest = text.slice(at)
  const long = /^\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|x[0-9A-Fa-f]{2}|[pP].|[0-7]{1,3}|Q[^]*?(?:\\E|$))/.exec(rest)
  return Math.min(rest.length, long === null ? 2 : long[0].length)
}

function classWidth(text: string, from: number): number {
  let at = from + 1
  if (text[at] === '^') at += 1
  // A bracket in first place is an ordinary character.
  if (text[at] === ']') at += 1
  while (at < text.length && text[at] !== ']') {
    const named = text.startsWith('[:', at) ? text.indexOf(':]', at) : -1
    if (named > 0) at = named + 2
    else at += text[at] === '\\' ? 2 : 1
  }
  return Math.min(text.length, at + 1) - from
}

function quantifierWidth(text: string, at: number): number {
  const char = text[at]
  if (char === '*' || char === '+' || char === '?') return text[at + 1] === '?' ? 2 : 1
  const counted = char === '{' ? /^\{\d+(?:,\d*)?\}\??/.exec(text.slice(at, at + 16)) : null
  return counted === null ? 0 : counted[0].length
}

/** Memory of the states of one pattern; beyond it they are forgotten and made anew, and the work stays linear. */
const STATES_BYTES = 1024 * 1024

/** Matches in one span, and bytes that they may be looked for in all together: the bound falls with the span's length. */
const MATCHES_MAX = 512
const MATCHES_MIN = 32
const MATCHED_BYTES = 2 ** 21

/** Patterns that are kept, over conditions and generations of the rules: most rule sets have few, used often. */
const KEPT_MAX = 1000
const kept = new Map<string, Pattern>()

/** The pattern of a text that {@link patternProblem} has nothing against. */
export function patternOf(text: string): Pattern {
  let pattern = kept.get(text)
  if (pattern === undefined) {
    if (kept.size >= KEPT_MAX) kept.clear()
    pattern = new Pattern(text)
    kept.set(text, pattern)
  }
  return pattern
}

/** A pattern that {@link patternProblem} has nothing against. */
export class Pattern {
  readonly #engine: RE2JS
  /** Bytes that every match holds: looked for before the engine is asked. */
  readonly #needle: Needle | null

  constructor(text: string) {
    this.#engine = RE2JS.compile(text)
    // The engine's own bound is 8 MiB, for each of what may be hundreds of patterns.
    const { lazyDFA } = this.#engine.re2() as unknown as { lazyDFA: { stateBudget: number } | null }
    this.#engine.test('')
    const made =
      lazyDFA ?? (this.#engine.re2() as unknown as { lazyDFA: { stateBudget: number } | null }).lazyDFA
    if (made !== null) made.stateBudget = STATES_BYTES
    const { literal } = scan(text)
    this.#needle = literal === '' ? null : needle(literal.slice(0, 32))
  }

  /** Whether the pattern matches somewhere in the text. */
  testText(text: string): boolean {
    return this.#engine.test(text)
  }

  /** The same for bytes; those that are no UTF-8 count as U+FFFD. */
  test(buf: Buffer, start: number, end: number): boolean {
    if (this.#needle !== null && !bytesContain(buf, start, end, this.#needle)) return false
    return this.#engine.test(buf.toString('utf8', start, end))
  }

  /**
   * Calls `found` with where each match stands in `buf`, from left to right: its groups where it has any, else the
   * whole. Bytes are looked at as UTF-8. Each match may have been looked for up to the end, so there is a bound to their
   * number: beyond it `found` is told the whole span.
   */
  each(buf: Buffer, start: number, end: number, found: (start: number, end: number) => void): void {
    if (!this.test(buf, start, end)) return
    const matcher = this.#engine.matcher(buf.subarray(start, end))
    const groups = this.#engine.groupCount()
    let left = Math.max(MATCHES_MIN, Math.min(MATCHES_MAX, MATCHED_BYTES / (end - start)))
    while (matcher.find()) {
      left -= 1
      if (left < 0) return found(start, end)
      let some = false
      for (let group = 1; group <= groups; group += 1) {
        const from = matcher.start(group)
        if (from < 0 || matcher.end(group) === from) continue
        found(start + from, start + matcher.end(group))
        some = true
      }
      if (!some && matcher.end() > matcher.start()) found(start + matcher.start(), start + matcher.end())
    }
  }
}
