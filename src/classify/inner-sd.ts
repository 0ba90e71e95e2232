/** Parameters of one element of structured data into inner fields. */

import { looseValueEnd, setEscaped, startsAt, wordEnd } from './inner-spans.ts'
import { equalBytes, sdNameEnd, sdValueEnd } from './structured-data.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
const QUOTE = 0x22
const EQUALS = 0x3d
const OPEN = 0x5b
const CLOSE = 0x5d

/** Names of parameters with the slots they go to. */
export type ParamSlots = readonly { readonly name: Uint8Array; readonly slot: number }[]

/** Sets the parameters of the element `id` in the header's structured data. False when there is none. A parameter that repeats: the first. */
export function readElement(view: EventView, id: Uint8Array, params: ParamSlots): boolean {
  const { buf } = view
  const end = view.sd_end
  let p = view.sd_start
  if (p < 0) return false
  while (p < end && buf[p] === OPEN) {
    let q = sdNameEnd(buf, p + 1, end)
    const ours = equalBytes(buf, p + 1, q, id)
    while (q < end && buf[q] === SPACE) {
      const name = q + 1
      q = sdNameEnd(buf, name, end)
      const value = q + 2
      const name_end = q
      q = Math.abs(sdValueEnd(buf, value, end))
      if (q === 0) return ours
      if (ours) setParam(view, params, name, name_end, value, q)
      q += 1
    }
    if (ours) return true
    p = q + 1
  }
  return false
}

/**
 * Reads an element that stands in the message at `p`, where brackets and quotes inside values may be unescaped: `[id k="v"
 * …]`. Returns the offset behind its bracket, or 0 when it is not there.
 */
export function readLooseElement(
  view: EventView,
  p: number,
  end: number,
  id: Uint8Array,
  params: ParamSlots,
): number {
  const { buf } = view
  if (p >= end || buf[p] !== OPEN || !startsAt(buf, p + 1, end, id)) return 0
  let q = p + 1 + id.length
  while (q < end) {
    while (q < end && buf[q] === SPACE) q += 1
    if (q < end && buf[q] === CLOSE) return q + 1
    const name = q
    q = wordEnd(buf, q, end)
    if (q === name || q + 1 >= end || buf[q] !== EQUALS || buf[q + 1] !== QUOTE) return 0
    const value = q + 2
    const close = looseValueEnd(buf, value, end)
    setParam(view, params, name, q, value, close)
    q = close + 1
  }
  // Cut before its bracket.
  return end
}

function setParam(
  view: EventView,
  params: ParamSlots,
  name: number,
  name_end: number,
  value: number,
  end: number,
): void {
  for (const param of params) {
    if (!equalBytes(view.buf, name, name_end, param.name)) continue
    if (view.inner[param.slot] === -1) setEscaped(view, param.slot, value, end)
    return
  }
}
