/**
 * Long events of vCenter come in parts, of which only the first says type, severity, user, target and chain. This window
 * remembers them, so that a condition sends all parts where it sends the first: by sender, host and event id, for a minute
 * and for a bounded number of events. A part whose first is not known keeps to what it says itself.
 */
import { Buffer } from 'node:buffer'
import { readInner } from './inner.ts'
import { Vcenter } from './inner-slots.ts'
import { altStart, WORD_BYTES } from './inner-spans.ts'
import { type EventView, Grammar } from './view.ts'

/** Events remembered; the oldest makes room. */
const EVENTS_MAX = 256
/** Bytes of an event's fields; longer ones are not remembered. */
const BYTES_MAX = 1024
/** Milliseconds for which a first part speaks for the others. */
const AGE_MAX = 60_000

/** The fields that later parts take over. */
const SLOTS = [
  Vcenter.time,
  Vcenter.event_type,
  Vcenter.severity,
  Vcenter.user,
  Vcenter.target,
  Vcenter.chain_id,
] as const

interface Remembered {
  hash: number
  at: number
  peer: string
  /** The words of `inner-spans.ts` first, because a view has one other buffer; then host, event id, fields. */
  readonly bytes: Buffer
  host_end: number
  id_end: number
  /** Ends of the fields; -1: absent. */
  readonly ends: Int32Array
}

/** See the module. One is kept for the conditions of a rule set. */
export class PartsWindow {
  readonly #events: Remembered[] = []
  #next = 0

  /** Reads the event's inner fields, and lets a later part have those of its first. */
  read(view: EventView): void {
    if (view.inner_read || view.family !== Grammar.vcenter) return
    readInner(view)
    const { inner } = view
    if (inner[Vcenter.event_id] === -1 || isSingle(view)) return
    const hash = hashOf(view)
    if (inner[Vcenter.event_type] !== -1) this.#remember(view, hash)
    else this.#recall(view, hash)
  }

  #remember(view: EventView, hash: number): void {
    const known = this.#find(view, hash)
    const entry = known ?? this.#room()
    entry.hash = hash
    entry.at = view.received_at
    entry.peer = view.peer
    let n = WORD_BYTES.length
    n = put(entry, view, view.host_start, view.host_end, n)
    entry.host_end = n
    n = put(
      entry,
      view,
      view.inner[Vcenter.event_id] as number,
      view.inner[Vcenter.event_id + 1] as number,
      n,
    )
    entry.id_end = n
    for (let i = 0; i < SLOTS.length && n >= 0; i += 1) {
      const slot = SLOTS[i] as number
      const start = view.inner[slot] as number
      n = start < 0 ? n : put(entry, view, start, view.inner[slot + 1] as number, n)
      entry.ends[i] = start < 0 ? -1 : n
    }
    // Too long to keep: found by nobody.
    if (n < 0) entry.at = Number.NEGATIVE_INFINITY
  }

  #recall(view: EventView, hash: number): void {
    const entry = this.#find(view, hash)
    if (entry === undefined || Math.abs(view.received_at - entry.at) > AGE_MAX) return
    view.inner_alt = entry.bytes
    let start = entry.id_end
    for (let i = 0; i < SLOTS.length; i += 1) {
      const end = entry.ends[i] as number
      if (end < 0) continue
      view.inner[SLOTS[i] as number] = altStart(start)
      view.inner[(SLOTS[i] as number) + 1] = end
      start = end
    }
  }

  #find(view: EventView, hash: number): Remembered | undefined {
    for (const entry of this.#events) if (entry.hash === hash && isOf(entry, view)) return entry
    return undefined
  }

  #room(): Remembered {
    const old = this.#events[this.#next]
    const entry = old ?? {
      hash: 0,
      at: 0,
      peer: '',
      bytes: Buffer.concat([WORD_BYTES, Buffer.alloc(BYTES_MAX)]),
      host_end: 0,
      id_end: 0,
      ends: new Int32Array(SLOTS.length),
    }
    if (old === undefined) this.#events.push(entry)
    this.#next = (this.#next + 1) % EVENTS_MAX
    return entry
  }
}

function isSingle(view: EventView): boolean {
  const start = view.inner[Vcenter.parts] as number
  return view.inner[Vcenter.parts + 1] === start + 1 && view.buf[start] === 0x31
}

/** Copies a span to `n`; returns where it ends, or -1 when there is no room. */
function put(entry: Remembered, view: EventView, start: number, end: number, n: number): number {
  if (n < 0 || start < 0) return n
  if (n + end - start > entry.bytes.length) return -1
  view.buf.copy(entry.bytes, n, start, end)
  return n + end - start
}

function isOf(entry: Remembered, view: EventView): boolean {
  const id = view.inner[Vcenter.event_id] as number
  const id_end = view.inner[Vcenter.event_id + 1] as number
  return (
    entry.peer === view.peer &&
    same(entry.bytes, WORD_BYTES.length, entry.host_end, view, view.host_start, view.host_end) &&
    same(entry.bytes, entry.host_end, entry.id_end, view, id, id_end)
  )
}

function same(bytes: Buffer, from: number, to: number, view: EventView, start: number, end: number): boolean {
  const count = start < 0 ? 0 : end - start
  if (to - from !== count) return false
  for (let i = 0; i < count; i += 1) if (bytes[from + i] !== view.buf[start + i]) return false
  return true
}

function hashOf(view: EventView): number {
  let hash = 0x811c9dc5
  for (let p = view.host_start; p >= 0 && p < view.host_end; p += 1)
    hash = Math.imul(hash ^ (view.buf[p] as number), 0x01000193)
  const end = view.inner[Vcenter.event_id + 1] as number
  for (let p = view.inner[Vcenter.event_id] as number; p < end; p += 1)
    hash = Math.imul(hash ^ (view.buf[p] as number), 0x01000193)
  return hash
}
