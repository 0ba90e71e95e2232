/** UTF-8 over bytes (RFC 3629, the WHATWG way of replacing what is broken): no strings are made here. */

/**
 * The sequence that starts at `p` with a byte of 0x80 or more: its length (2–4) when it is valid, else the
 * negated number of bytes that one U+FFFD stands for (the longest broken beginning, at least 1), exactly as
 * a `TextDecoder` counts them.
 */
export function utf8Sequence(bytes: Uint8Array, p: number, end: number): number {
  const lead = bytes[p] ?? 0
  if (lead < 0xc2 || lead > 0xf4) return -1
  let low = 0x80
  let high = 0xbf
  let more = 1
  if (lead >= 0xf0) {
    more = 3
    if (lead === 0xf0) low = 0x90
    else if (lead === 0xf4) high = 0x8f
  } else if (lead >= 0xe0) {
    more = 2
    if (lead === 0xe0) low = 0xa0
    else if (lead === 0xed) high = 0x9f
  }
  for (let i = 1; i <= more; i += 1) {
    if (p + i >= end) return -i
    const c = bytes[p + i] ?? 0
    if (c < low || c > high) return -i
    low = 0x80
    high = 0xbf
  }
  return more + 1
}

/** Whether `bytes[start, end)` is UTF-8 throughout. */
export function isUtf8Range(bytes: Uint8Array, start: number, end: number): boolean {
  let p = start
  while (p < end) {
    if ((bytes[p] ?? 0) < 0x80) {
      p += 1
      continue
    }
    const length = utf8Sequence(bytes, p, end)
    if (length < 0) return false
    p += length
  }
  return true
}
