/**
 * Single sign-on's audit records: one flat JSON object, whose quotes are escaped in some lines (`{\"user\":\"…\"}`). Read as
 * text: names and values are looked at where they stand, nothing is parsed into objects.
 */
import { Buffer } from 'node:buffer'
import { Vcenter } from './inner-slots.ts'
import { setInner, startsAt } from './inner-spans.ts'
import type { EventView } from './view.ts'

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

const KEYS = [
  { name: 'user', slot: Vcenter.user },
  { name: 'client', slot: Vcenter.source_ip },
  { name: 'type', slot: Vcenter.event_type },
  { name: 'eventSeverity', slot: Vcenter.severity },
].map(({ name, slot }) => ({ name: Buffer.from(name), slot }))

/** Reads the object that begins at `from`. Strings take turns: a name with a colon behind it, then its value. */
export function readJsonAudit(view: EventView, from: number, end: number): void {
  const { buf } = view
  let slot = -1
  let p = from
  while (p < end) {
    if (buf[p] !== QUOTE) {
      p += 1
      continue
    }
    const escaped = buf[p - 1] === BACKSLASH
    const start = p + 1
    const stop = stringEnd(buf, start, end, escaped)
    const text_end = escaped && stop < end ? stop - 1 : stop
    p = stop + 1
    if (p < end && buf[p] === COLON) slot = slotOf(buf, start, text_end)
    else if (slot >= 0) {
      // What the record says of itself counts before the line it stands in.
      setInner(view, slot, start, text_end)
      slot = -1
    }
  }
}

/** The quote that ends a string: in the escaped form one with exactly one backslash before it, else one with none. */
function stringEnd(buf: Buffer, from: number, end: number, escaped: boolean): number {
  let backslashes = 0
  for (let p = from; p < end; p += 1) {
    const c = buf[p]
    if (c === BACKSLASH) backslashes += 1
    else {
      if (c === QUOTE && (escaped ? backslashes === 1 : backslashes % 2 === 0)) return p
      backslashes = 0
    }
  }
  return end
}

function slotOf(buf: Buffer, start: number, end: number): number {
  for (const { name, slot } of KEYS)
    if (name.length === end - start && startsAt(buf, start, end, name)) return slot
  return -1
}
