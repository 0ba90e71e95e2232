/** Questions about a span of bytes, asked without making a string. Spans are `buf[start, end)`. */

/** A text that is searched for: its UTF-8 bytes, and how far a search may skip after each last byte (Horspool). */
export interface Needle {
  readonly bytes: Uint8Array
  readonly skips: Uint8Array
}

export function needle(text: string): Needle {
  const bytes = new TextEncoder().encode(text)
  const last = bytes.length - 1
  const skips = new Uint8Array(256).fill(Math.min(255, Math.max(1, bytes.length)))
  for (let at = 0; at < last; at++) skips[bytes[at] ?? 0] = Math.min(255, last - at)
  return { bytes, skips }
}

export function bytesAt(buf: Uint8Array, start: number, text: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) if (buf[start + at] !== text[at]) return false
  return true
}

export function bytesEqual(buf: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  return end - start === text.length && bytesAt(buf, start, text)
}

export function bytesStart(buf: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  return end - start >= text.length && bytesAt(buf, start, text)
}

export function bytesEnd(buf: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  return end - start >= text.length && bytesAt(buf, end - text.length, text)
}

/** Looks inside the span only: `Buffer.indexOf` would go on into the frames behind it. */
export function bytesContain(buf: Uint8Array, start: number, end: number, searched: Needle): boolean {
  const { bytes, skips } = searched
  const last = bytes.length - 1
  if (last < 0) return true
  const final = bytes[last]
  for (let at = start + last; at < end; ) {
    const byte = buf[at] as number
    if (byte === final && bytesAt(buf, at - last, bytes)) return true
    at += skips[byte] as number
  }
  return false
}

/** The largest number that is read; above it a double is no longer exact. */
const DIGITS_MAX = 15

/** A decimal number of at most 15 digits, leading zeros allowed; -1 when the span is none. */
export function bytesNumber(buf: Uint8Array, start: number, end: number): number {
  if (start < 0 || end <= start || end - start > DIGITS_MAX) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (buf[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
