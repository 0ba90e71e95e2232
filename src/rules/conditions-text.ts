/**
 * Comparisons with texts, over bytes of an event and over texts that are known by name. However many values one has,
 * and whatever they and the event are made of, the work grows with the length of the field only.
 */
import type { Buffer } from 'node:buffer'
import { ByteFinder, ByteSet } from './byte-set.ts'
import { bytesContain, bytesEnd, bytesEqual, bytesStart, needle } from './conditions-bytes.ts'
import type { SpanTest } from './conditions-structured-data.ts'
import { type Pattern, patternOf } from './pattern.ts'

export type TextOperator = 'equals' | 'contains' | 'starts_with' | 'ends_with' | 'matches'
export type TextTest = (text: string) => boolean

/** So few values are tried one after the other. */
const FEW = 4
/** The longest text that is searched for by skipping, whose worst case is its length times the field's. */
const SKIPPED_MAX = 32

const encoder = new TextEncoder()

/** Over bytes of the event. */
export function spanTest(op: TextOperator, values: readonly string[]): SpanTest {
  const texts = values.map((value) => encoder.encode(value))
  switch (op) {
    case 'equals':
      return equalsTest(texts)
    case 'contains':
      return containsTest(values, texts)
    case 'starts_with':
      return any(texts, bytesStart)
    case 'ends_with':
      return any(texts, bytesEnd)
    case 'matches':
      return patternTest(values.map((value) => patternOf(value)))
  }
}

type BytesTest = (buf: Uint8Array, start: number, end: number, text: Uint8Array) => boolean

function any(texts: readonly Uint8Array[], test: BytesTest): SpanTest {
  const [first] = texts
  if (texts.length === 1 && first !== undefined) return (buf, start, end) => test(buf, start, end, first)
  return (buf, start, end) => {
    for (let at = 0; at < texts.length; at++) if (test(buf, start, end, texts[at] as Uint8Array)) return true
    return false
  }
}

function equalsTest(texts: readonly Uint8Array[]): SpanTest {
  if (texts.length <= FEW) return any(texts, bytesEqual)
  const set = new ByteSet(texts)
  return (buf, start, end) => set.has(buf, start, end)
}

function containsTest(values: readonly string[], texts: readonly Uint8Array[]): SpanTest {
  if (texts.some((text) => text.length === 0)) return () => true
  if (texts.length > FEW || texts.some((text) => text.length > SKIPPED_MAX)) {
    const finder = new ByteFinder(texts)
    return (buf, start, end) => finder.in(buf, start, end)
  }
  const needles = values.map(needle)
  const [first] = needles
  if (needles.length === 1 && first !== undefined)
    return (buf, start, end) => bytesContain(buf, start, end, first)
  return (buf, start, end) => {
    for (const searched of needles) if (bytesContain(buf, start, end, searched)) return true
    return false
  }
}

function patternTest(patterns: readonly Pattern[]): SpanTest {
  return (buf: Buffer, start, end) => {
    for (let at = 0; at < patterns.length; at++)
      if ((patterns[at] as Pattern).test(buf, start, end)) return true
    return false
  }
}

/** Over texts that are made already. */
export function textTest(op: TextOperator, values: readonly string[]): TextTest {
  if (op === 'equals') {
    const [first] = values
    if (values.length === 1) return (text) => text === first
    const set = new Set(values)
    return (text) => set.has(text)
  }
  if (op === 'matches') {
    const patterns = values.map((value) => patternOf(value))
    return (text) => patterns.some((pattern) => pattern.testText(text))
  }
  const fits = {
    contains: (text: string, value: string) => text.includes(value),
    starts_with: (text: string, value: string) => text.startsWith(value),
    ends_with: (text: string, value: string) => text.endsWith(value),
  }[op]
  return (text) => {
    for (let at = 0; at < values.length; at++) if (fits(text, values[at] as string)) return true
    return false
  }
}
