/**
 * NSX-V's lines with commas, which one parser knows: `PASS, domain-c7/1002, IN, 48, TCP, 10.1.2.3, 64208, 10.0.0.5, 443, S`.
 * What follows the ports and the flags of TCP is the label, as in the other form.
 */
import type { Buffer } from 'node:buffer'
import { readLabelTail } from './flow-tail.ts'
import { Fw, type EventView } from './view.ts'

const SPACE = 0x20
const COMMA = 0x2c
const SLASH = 0x2f

/** Fields between the commas: the rule's is taken apart, the rest goes to these slots in order. */
const SLOTS = [
  Fw.action,
  Fw.rule_id,
  Fw.direction,
  Fw.length,
  Fw.protocol,
  Fw.source_ip,
  Fw.source_port,
  Fw.destination_ip,
  Fw.destination_port,
] as const

/** Reads from the action on; false when the line does not have this form (what was set is then garbage). */
export function readDfwComma(view: EventView, from: number, end: number): boolean {
  const { buf, fw } = view
  let p = from
  for (const slot of SLOTS) {
    const stop = wordEnd(buf, p, end)
    const last = slot === Fw.destination_port
    if (stop === p || (last ? stop < end && buf[stop] !== COMMA : stop >= end || buf[stop] !== COMMA))
      return false
    fw[slot] = p
    fw[slot + 1] = stop
    if (!fits(buf, p, stop, slot)) return false
    if (slot === Fw.rule_id) splitRule(view, p, stop)
    p = stop + 1
    while (p < end && buf[p] === SPACE) p += 1
  }
  readLabelTail(view, buf, Math.min(p, end), end, buf[fw[Fw.protocol] ?? 0] === 0x54)
  return true
}

function wordEnd(buf: Buffer, from: number, end: number): number {
  let p = from
  while (p < end && buf[p] !== COMMA && (buf[p] ?? 0) > SPACE) p += 1
  return p
}

function fits(buf: Buffer, start: number, end: number, slot: number): boolean {
  switch (slot) {
    case Fw.action:
    case Fw.protocol:
      return every(buf, start, end, 0x41, 0x5a)
    case Fw.direction:
      return (buf[start] === 0x49 && end - start === 2) || (buf[start] === 0x4f && end - start === 3)
    case Fw.length:
    case Fw.source_port:
    case Fw.destination_port:
      return every(buf, start, end, 0x30, 0x39)
    case Fw.source_ip:
    case Fw.destination_ip:
      return isAddress(buf, start, end)
    default:
      return every(buf, lastSlash(buf, start, end), end, 0x30, 0x39)
  }
}

function every(buf: Buffer, start: number, end: number, low: number, high: number): boolean {
  for (let p = start; p < end; p += 1) if ((buf[p] ?? 0) < low || (buf[p] ?? 0) > high) return false
  return end > start
}

function isAddress(buf: Buffer, start: number, end: number): boolean {
  let marks = 0
  for (let p = start; p < end; p += 1) {
    const c = buf[p] ?? 0
    if (c === 0x2e || c === 0x3a) marks += 1
    else if ((c < 0x30 || c > 0x39) && ((c | 0x20) < 0x61 || (c | 0x20) > 0x66)) return false
  }
  return marks > 0
}

/** Behind the last slash, or the start when there is none. */
function lastSlash(buf: Buffer, start: number, end: number): number {
  let p = end
  while (p > start && buf[p - 1] !== SLASH) p -= 1
  return p
}

function splitRule(view: EventView, start: number, end: number): void {
  const digits = lastSlash(view.buf, start, end)
  if (digits === start) return
  view.fw[Fw.rule_id] = digits
  view.fw[Fw.ruleset] = start
  view.fw[Fw.ruleset + 1] = digits - 1
}
