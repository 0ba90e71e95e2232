/**
 * What the readers of inner fields share: setting spans, and looking at bytes. All are linear and bounded by the
 * span they are given; nothing here makes a string.
 */
import { Buffer } from 'node:buffer'
import type { EventView } from './view.ts'

const SPACE = 0x20
const QUOTE = 0x22
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const CLOSE = 0x5d

/**
 * Words that stand for something that the bytes say in another way. Their bytes are the same for all views; a slot
 * that holds one points into `inner_alt`.
 */
const WORDS = [
  'true',
  'false',
  'accepted',
  'failed',
  'opened',
  'closed',
  'warning',
  'alert',
  'log',
  'gauge',
  'counter',
  'timer',
  'event',
] as const
type Word = (typeof WORDS)[number]

export const WORD_BYTES: Buffer = Buffer.from(WORDS.join(' '))
const word_starts = new Map<Word, number>()
for (const word of WORDS) word_starts.set(word, ` ${WORDS.join(' ')} `.indexOf(` ${word} `))

/** `start` below -1 points into `inner_alt`. */
export function altStart(offset: number): number {
  return -2 - offset
}

/** The field is `buf[start, end)`. An empty span is present and empty. */
export function setInner(view: EventView, slot: number, start: number, end: number): void {
  view.inner[slot] = start
  view.inner[slot + 1] = end
}

/** A value of structured data: one that holds escapes is marked by a negative end, and read without them. */
export function setEscaped(view: EventView, slot: number, start: number, end: number): void {
  view.inner[slot] = start
  view.inner[slot + 1] = byteAt(view.buf, start, end, BACKSLASH) < end ? ~end : end
}

/** `source[start, end)` without the backslashes before `"`, `\\` and `]` (RFC 5424 §6.3.3), into `target`; returns the count. */
export function unescapeInto(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let n = 0
  for (let p = start; p < end; p += 1) {
    const next = source[p + 1]
    const escapes = next === QUOTE || next === BACKSLASH || next === CLOSE
    if (source[p] === BACKSLASH && p + 1 < end && escapes) p += 1
    target[n] = source[p] as number
    n += 1
  }
  return n
}

/** The same, unless the field is there already. */
export function addInner(view: EventView, slot: number, start: number, end: number): void {
  if (view.inner[slot] === -1) setInner(view, slot, start, end)
}

/** The field is a word that does not stand there. */
export function setWord(view: EventView, slot: number, word: Word): void {
  const start = word_starts.get(word) ?? 0
  view.inner_alt = WORD_BYTES
  view.inner[slot] = altStart(start)
  view.inner[slot + 1] = start + word.length
}

/** What remains from `from`, without blanks at either end, unless nothing does. */
export function setRest(view: EventView, slot: number, from: number, to: number): void {
  let end = to
  while (end > from && (view.buf[end - 1] as number) <= SPACE) end -= 1
  let start = from
  while (start < end && (view.buf[start] as number) <= SPACE) start += 1
  if (start < end) setInner(view, slot, start, end)
}

/** Whether `text` stands at `p`. */
export function startsAt(buf: Uint8Array, p: number, end: number, text: Uint8Array): boolean {
  if (end - p < text.length) return false
  for (let i = 0; i < text.length; i += 1) if (buf[p + i] !== text[i]) return false
  return true
}

/** Where `text` first begins in the span, or -1. The texts are short words of our own. */
export function findText(buf: Uint8Array, from: number, end: number, text: Uint8Array): number {
  const first = text[0]
  const last = end - text.length
  for (let p = from; p <= last; p += 1) if (buf[p] === first && startsAt(buf, p, end, text)) return p
  return -1
}

/** Where `text` last begins in the span, or -1. */
export function findLastText(buf: Uint8Array, from: number, end: number, text: Uint8Array): number {
  const first = text[0]
  for (let p = end - text.length; p >= from; p -= 1)
    if (buf[p] === first && startsAt(buf, p, end, text)) return p
  return -1
}

/** Where `byte` first stands, or `end`. */
export function byteAt(buf: Uint8Array, from: number, end: number, byte: number): number {
  let p = from
  while (p < end && buf[p] !== byte) p += 1
  return p
}

/** Letters, digits, `-`, `_` and `.`: where such a word ends. */
export function wordEnd(buf: Uint8Array, from: number, end: number): number {
  let p = from
  while (p < end) {
    const c = buf[p] as number
    const letter = (c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a
    if (!letter && !(c >= 0x30 && c <= 0x39) && c !== 0x2d && c !== 0x5f && c !== 0x2e) break
    p += 1
  }
  return p
}

/** Lower-case letters: where such a word ends. */
export function lowerEnd(buf: Uint8Array, from: number, end: number): number {
  let p = from
  while (p < end && (buf[p] as number) >= 0x61 && (buf[p] as number) <= 0x7a) p += 1
  return p
}

/**
 * Where the quoted value that begins at `from` (behind its quote) ends: the quote before `]` or before the next
 * parameter, or else `end`. Brackets and quotes inside are the value's, as VMware writes them.
 */
export function looseValueEnd(buf: Uint8Array, from: number, end: number): number {
  for (let p = from; p < end; p += 1) {
    const c = buf[p]
    if (c === BACKSLASH) p += 1
    else if (c === QUOTE) {
      const next = buf[p + 1]
      if (p + 1 >= end || next === CLOSE) return p
      if (next === SPACE) {
        const name = wordEnd(buf, p + 2, end)
        if (name > p + 2 && name + 1 < end && buf[name] === EQUALS && buf[name + 1] === QUOTE) return p
        if (p + 2 < end && buf[p + 2] === CLOSE) return p
      }
    }
  }
  return end
}
