/** Fields of a scanned view as numbers, read from the bytes on demand. -1 stands for absent everywhere. */
import { Fw, type EventView } from './view.ts'

/** Digits that a number may have and still be exact. */
const DIGITS_MAX = 15

/** 0–23, or -1: no PRI, or one above 191. */
export function facility(view: EventView): number {
  return view.pri < 0 || view.pri > 191 ? -1 : view.pri >> 3
}

/** 0 (emergency) – 7 (debug), or -1. */
export function severity(view: EventView): number {
  return view.pri < 0 || view.pri > 191 ? -1 : view.pri & 7
}

/** The number that the digits of a slot of {@link Fw} make; -1 when absent, not a number or too long to be exact. */
export function fieldNumber(view: EventView, slot: number): number {
  const start = view.fw[slot]!
  const end = view.fw[slot + 1]!
  if (start < 0 || end === start || end - start > DIGITS_MAX) return -1
  let value = 0
  for (let p = start; p < end; p += 1) {
    const digit = view.buf[p]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** 4 or 6: what the family word says, or where a grammar has none, the form of the source address; else -1. */
export function ipVersion(view: EventView): number {
  const family = view.fw[Fw.family]!
  if (family >= 0) return view.fw[Fw.family + 1]! - family === 4 ? 4 : 6
  const start = view.fw[Fw.source_ip]!
  if (start < 0) return -1
  for (let p = start; p < view.fw[Fw.source_ip + 1]!; p += 1) {
    if (view.buf[p] === 0x3a) return 6
    if (view.buf[p] === 0x2e) return 4
  }
  return -1
}
