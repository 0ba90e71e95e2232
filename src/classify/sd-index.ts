/**
 * Where the elements of an event's structured data stand, found once an event for all streams that ask: most of the work of
 * recognising NSX's and Cloud Foundry's events. One index is kept; {@link forgetSd} voids it.
 */
import type { Buffer } from 'node:buffer'
import { equalBytes, sdNameEnd, sdValueEnd } from './structured-data.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d

/** Elements that are looked at; senders write one or two. */
const ELEMENTS_MAX = 32
/** Start and end of each SD-ID. */
const ids = new Int32Array(ELEMENTS_MAX * 2)
/** Elements that are known so far, and whether there are no more. */
let count = 0
let all_known = false

/** The parameter asked for last, and what was found. */
let last_name: Uint8Array | undefined
let last_element = -1
let value_start = -1
let value_end = -1

/** The next event: nothing is known of its structured data. */
export function forgetSd(): void {
  count = 0
  all_known = false
  last_name = undefined
}

/** Whether the event has element `n`; those before it must have been asked for. */
export function hasElement(view: EventView, n: number): boolean {
  return n < count || (!all_known && findElement(view, n))
}

function findElement(view: EventView, n: number): boolean {
  const { buf, sd_end: end } = view
  const p = n === 0 ? view.sd_start : elementEnd(buf, ids[n * 2 - 1]!, end)
  if (p < 0 || p >= end || buf[p] !== OPEN || n === ELEMENTS_MAX) {
    all_known = true
    return false
  }
  ids[n * 2] = p + 1
  ids[n * 2 + 1] = sdNameEnd(buf, p + 1, end)
  count = n + 1
  return true
}

/**
 * Behind the bracket that closes the element whose SD-ID ends at `id_end`. In a value a bracket stands behind a backslash, so
 * the first that does not is the one. A name may end in a backslash: then the parameters are walked through.
 */
function elementEnd(buf: Buffer, id_end: number, end: number): number {
  // Well-formed structured data ends in one, so that nothing behind it is looked at.
  const close = buf.indexOf(CLOSE, id_end)
  if (close >= 0 && close < end && buf[close - 1] !== BACKSLASH) return close + 1
  let q = id_end
  while (q < end && buf[q] === SPACE) q = paramEnd(buf, q, end)
  return q + 1
}

/** Behind the parameter whose blank is at `q`; `end` when it is none. */
function paramEnd(buf: Buffer, q: number, end: number): number {
  const close = Math.abs(sdValueEnd(buf, sdNameEnd(buf, q + 1, end) + 2, end))
  return close === 0 ? end : close + 1
}

/** Where the SD-ID of element `n` begins. */
export function idStart(n: number): number {
  return ids[n * 2]!
}

export function idEnd(n: number): number {
  return ids[n * 2 + 1]!
}

/** Whether element `n` has this SD-ID. */
export function isElement(view: EventView, n: number, id: Uint8Array): boolean {
  return equalBytes(view.buf, ids[n * 2]!, ids[n * 2 + 1]!, id)
}

/** Whether parameter `name` of element `n` has any of the values, as they are written there. Names are compared by identity first. */
export function paramIsAny(
  view: EventView,
  n: number,
  name: Uint8Array,
  values: readonly Uint8Array[],
): boolean {
  if (name !== last_name || n !== last_element) findParam(view, n, name)
  if (value_start < 0) return false
  for (let i = 0; i < values.length; i += 1)
    if (equalBytes(view.buf, value_start, value_end, values[i]!)) return true
  return false
}

function findParam(view: EventView, n: number, name: Uint8Array): void {
  const { buf, sd_end: end } = view
  last_name = name
  last_element = n
  value_start = -1
  let q = ids[n * 2 + 1]!
  while (q < end && buf[q] === SPACE) {
    const at = q + 1
    const equals = sdNameEnd(buf, at, end)
    const next = paramEnd(buf, q, end)
    if (equalBytes(buf, at, equals, name)) {
      value_start = equals + 2
      value_end = next - 1
      return
    }
    q = next
  }
}
