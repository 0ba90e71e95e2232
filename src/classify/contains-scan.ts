/** Which of several texts the beginning of a message holds, all of them in one pass. */
import type { Buffer } from 'node:buffer'
import { equalBytes } from './structured-data.ts'

/** How much of a message is looked at. */
const LOOK = 512

interface Needle {
  readonly text: Uint8Array
  /** Where in the text its rarest byte stands. */
  readonly offset: number
  /** Who asks for it. */
  readonly asker: number
}

/** Bytes that logs have seldom, then those that they have here and there; all others are frequent. */
const RARE = '@{}|\'"<>#$%&*+?!;()~^`\\'
const SELDOM = '[]/=,:_'

/** See the module. One asker may ask for several texts: any of them is enough. */
export class ContainsScan {
  readonly #needles: readonly (readonly Needle[] | undefined)[]
  readonly #hits: Uint8Array

  constructor(askers: readonly (readonly Uint8Array[])[]) {
    const needles: (Needle[] | undefined)[] = Array.from({ length: 256 })
    for (const [asker, texts] of askers.entries()) {
      for (const text of texts) {
        const offset = rarest(text)
        const byte = text[offset] ?? 0
        ;(needles[byte] ??= []).push({ text, offset, asker })
      }
    }
    this.#needles = needles
    this.#hits = new Uint8Array(askers.length)
  }

  /** By asker: not 0 where one of its texts stands within the first bytes of `buf[start, end)`. Good until the next call. */
  find(buf: Buffer, start: number, message_end: number): Uint8Array {
    const hits = this.#hits
    const needles = this.#needles
    const end = message_end - start > LOOK ? start + LOOK : message_end
    hits.fill(0)
    for (let p = start; p < end; p += 1) {
      const here = needles[buf[p]!]
      if (here !== undefined) check(here, buf, p, start, end, hits)
    }
    return hits
  }
}

function check(
  here: readonly Needle[],
  buf: Buffer,
  p: number,
  start: number,
  end: number,
  hits: Uint8Array,
): void {
  for (let i = 0; i < here.length; i += 1) {
    const { text, offset, asker } = here[i]!
    const from = p - offset
    const to = from + text.length
    if (from >= start && to <= end && equalBytes(buf, from, to, text)) hits[asker] = 1
  }
}

function rarest(text: Uint8Array): number {
  const weight = (byte: number): number => {
    const char = String.fromCharCode(byte)
    return RARE.includes(char) || byte > 0x7e ? 0 : SELDOM.includes(char) ? 1 : 2
  }
  let best = 0
  for (const [at, byte] of text.entries()) if (weight(byte) < weight(text[best] ?? 0)) best = at
  return best
}
