/**
 * From an event to the few ways in which its stream could be recognised: by program through a table, then by the parts that
 * its header has and the first byte of its message. For most events that leaves one way that asks nothing more, so that
 * neither the number of streams nor that of their ways costs anything an event.
 */
import { Buffer } from 'node:buffer'
import { ContainsScan } from './contains-scan.ts'
import { type Alternative, Part } from './recognise.ts'
import { forgetSd, hasElement, idEnd, idStart, isElement } from './sd-index.ts'
import { equalBytes } from './structured-data.ts'
import type { EventView } from './view.ts'

const SPACE = 0x20
/** All bits of {@link Part}, and one. */
const PARTS = 8
/** SD-IDs that are told apart while narrowing; the numbers 0 and 1 are "none that anybody asks for" and "not known". */
const IDS_MAX = 14
/** Programs whose answer is remembered by number; `quick/header.h` gives so many. */
const NUMBERS = 64
const ID_NONE = 0
const ID_UNKNOWN = 1

/** Ways, in order, that events of one program with certain parts and a certain first byte may fit. */
export interface Narrowed {
  readonly some: readonly Alternative[]
  /** The stream where the first of them asks nothing more, and so is the one; else -1. */
  readonly decided: number
  /** Those behind them ask for structured data, or stand behind one that does: {@link Candidates.ofId} knows them. -1: none. */
  readonly behind: number
}

/** What all programs of a table share. */
class Shared {
  /** By byte: not 0 where a PROCID that somebody asks for begins so. */
  readonly procs = new Uint8Array(256)
  /** SD-IDs that are asked for; their numbers are their places and two. */
  readonly ids: readonly Uint8Array[]
  /** Numbers of the SD-IDs of one {@link shape}. */
  readonly #shapes: (number[] | undefined)[] = Array.from({ length: 256 })
  readonly #scan: ContainsScan
  /** What the scan has found in the event at hand; null: not asked yet. */
  #hits: Uint8Array | null = null

  constructor(all: readonly Alternative[]) {
    for (const { proc_ids } of all) for (const text of proc_ids) this.procs[text[0] ?? 0] = 1
    const ids = new Map(
      all.flatMap(({ sd_ids }) => sd_ids.map((id) => [Buffer.from(id).toString('latin1'), id])),
    )
    this.ids = [...ids.values()]
    for (const [place, id] of this.ids.entries())
      (this.#shapes[shape(id, 0, id.length)] ??= []).push(place + 2)
    const askers = all.filter(({ contains }) => contains.length > 0)
    for (const [place, one] of askers.entries()) one.asker = place
    this.#scan = new ContainsScan(askers.map(({ contains }) => contains))
  }

  /** The next event. */
  forget(): void {
    this.#hits = null
    forgetSd()
  }

  /** The number of the SD-ID of the event's first element. */
  idOf(view: EventView): number {
    if (this.ids.length > IDS_MAX || !hasElement(view, 0)) return ID_UNKNOWN
    const numbers = this.#shapes[shape(view.buf, idStart(0), idEnd(0))]
    if (numbers !== undefined)
      for (let i = 0; i < numbers.length; i += 1)
        if (isElement(view, 0, this.ids[numbers[i]! - 2]!)) return numbers[i]!
    return ID_NONE
  }

  /** Whether a way asks for the SD-ID with this number. */
  hasId({ sd_ids }: Alternative, id: number): boolean {
    const text = this.ids[id - 2]
    return text !== undefined && sd_ids.some((one) => Buffer.compare(one, text) === 0)
  }

  /** Whether a way may fit events that have no element but one with this SD-ID. */
  mayHaveId(one: Alternative, id: number): boolean {
    return one.sd_ids.length === 0 || this.hasId(one, id)
  }

  /** Whether the event holds one of the texts that the way asks for. */
  contained(view: EventView, one: Alternative): boolean {
    this.#hits ??= this.#scan.find(view.buf, view.msg_start, view.end)
    return this.#hits[one.asker] === 1
  }
}

/** What may fit an event of some program. */
export class Candidates {
  readonly #all: readonly Alternative[]
  readonly #shared: Shared
  /** By parts and first byte, and for those behind by the SD-ID too; made when first asked for. */
  readonly #narrowed: (Narrowed | undefined)[] = Array.from({ length: PARTS * 256 })
  readonly #by_id: (Narrowed | undefined)[][] = []
  readonly #by_first: (Narrowed | undefined)[][] = []

  constructor(all: readonly Alternative[], shared: Shared) {
    this.#all = all
    this.#shared = shared
  }

  /** What is left of them for this event, up to the first that asks for structured data. */
  of(view: EventView): Narrowed {
    const key = (this.#partsOf(view) << 8) | firstByte(view)
    return this.#narrowed[key] ?? this.#lead(key)
  }

  /** What is left of those behind. */
  ofId(view: EventView, behind: number): Narrowed {
    const id = this.#shared.idOf(view)
    // What the first element decides needs no look at whether there are more.
    const begun = (this.#by_first[id] ??= Array.from({ length: PARTS * 256 }))
    const first = begun[behind] ?? this.#narrow(begun, behind, id, true)
    if (first.decided >= 0 || id === ID_UNKNOWN || hasElement(view, 1)) return first
    const narrowed = (this.#by_id[id] ??= Array.from({ length: PARTS * 256 }))
    return narrowed[behind] ?? this.#narrow(narrowed, behind, id, false)
  }

  /** All that the way asks of the header and of the text in it. */
  headerFits(view: EventView, one: Alternative): boolean {
    return one.headerFits(view) && (one.contains.length === 0 || this.#shared.contained(view, one))
  }

  /** The {@link Part} bits of an event. */
  #partsOf({ buf, msgid_start, proc_start, sd_start }: EventView): number {
    return (
      (msgid_start >= 0 ? Part.msg_id : 0) |
      (proc_start >= 0 && this.#shared.procs[buf[proc_start]!] === 1 ? Part.proc_id : 0) |
      (sd_start >= 0 ? Part.structured_data : 0)
    )
  }

  #lead(key: number): Narrowed {
    const all = this.#possible(key)
    const place = all.findIndex(({ sd_ids }) => sd_ids.length > 0)
    const some = place < 0 ? all : all.slice(0, place)
    const [first] = some
    const decided = first?.asks_nothing === true ? first.stream : first === undefined && place < 0 ? 0 : -1
    const narrowed = { some, decided, behind: place < 0 ? -1 : key }
    this.#narrowed[key] = narrowed
    return narrowed
  }

  /** `more`: there may be further elements behind the one with this SD-ID. */
  #narrow(into: (Narrowed | undefined)[], key: number, id: number, more: boolean): Narrowed {
    const all = this.#possible(key)
    const from = all.findIndex(({ sd_ids }) => sd_ids.length > 0)
    const some = all.slice(from).filter((one) => more || this.#shared.mayHaveId(one, id))
    const [first] = some
    const sure = first?.asks_nothing === true || (first?.asks_id === true && this.#shared.hasId(first, id))
    const narrowed = { some, decided: sure ? (first?.stream ?? 0) : first === undefined ? 0 : -1, behind: -1 }
    into[key] = narrowed
    return narrowed
  }

  /** Those that events with these parts and this first byte may fit. */
  #possible(key: number): readonly Alternative[] {
    const lacks = ~(key >> 8)
    return this.#all.filter((one) => (one.needs & lacks) === 0 && one.mayBegin(key & 255))
  }
}

/** Something that few names have in common. */
function shape(bytes: Uint8Array, start: number, end: number): number {
  return end === start ? 0 : (bytes[start]! + 7 * (end - start)) & 255
}

/** The first byte of the message above a blank; 0: none. */
function firstByte({ buf, msg_start, end }: EventView): number {
  let p = msg_start
  while (p < end && buf[p]! <= SPACE) p += 1
  return p < end ? buf[p]! : 0
}

/** From a program's bytes to the alternatives that can fit it. */
export class ProgramTable {
  readonly #mask: number
  readonly #keys: (Uint8Array | undefined)[]
  readonly #lists: Candidates[]
  /** For programs that no alternative names, and for events without one. */
  readonly #others: Candidates
  readonly #shared: Shared
  /** By the last bits of a program's number: the number, and what {@link find} said. */
  readonly #numbers = new Int32Array(NUMBERS)
  readonly #numbered: Candidates[]

  constructor(alternatives: readonly Alternative[]) {
    const ordered = [
      ...alternatives.filter((one) => !one.body_only),
      ...alternatives.filter((one) => one.body_only),
    ]
    const names = new Map(
      ordered.flatMap((one) => one.programs.map((name) => [Buffer.from(name).toString('hex'), name])),
    )
    let size = 8
    while (size < names.size * 4) size *= 2
    const shared = new Shared(ordered)
    this.#shared = shared
    this.#mask = size - 1
    this.#keys = Array.from({ length: size })
    const others = ordered.filter((one) => one.programs.length === 0)
    this.#others = new Candidates(others, shared)
    this.#lists = Array.from({ length: size }, () => this.#others)
    this.#numbered = Array.from({ length: NUMBERS }, () => this.#others)
    /** Most programs of a stream can fit the same. */
    const known = new Map<string, Candidates>()
    for (const name of names.values()) {
      let slot = hashBytes(name, 0, name.length) & this.#mask
      while (this.#keys[slot] !== undefined) slot = (slot + 1) & this.#mask
      this.#keys[slot] = name
      const fits = ordered.map(
        ({ programs }) =>
          programs.length === 0 || programs.some((other) => Buffer.compare(other, name) === 0),
      )
      const key = fits.map(Number).join('')
      const list =
        known.get(key) ??
        new Candidates(
          ordered.filter((_, place) => fits[place]),
          shared,
        )
      known.set(key, list)
      this.#lists[slot] = list
    }
  }

  /** What may fit the event, by its program. To be asked once an event. */
  find(view: EventView): Candidates {
    this.#shared.forget()
    const number = view.app_id
    const place = number & (NUMBERS - 1)
    if (number > 0 && this.#numbers[place] === number) return this.#numbered[place]!
    const found = this.#named(view.buf, view.app_start, view.app_end)
    if (number > 0) {
      this.#numbers[place] = number
      this.#numbered[place] = found
    }
    return found
  }

  /** `start` -1: no program. */
  #named(buf: Buffer, start: number, end: number): Candidates {
    if (start < 0) return this.#others
    let slot = hashBytes(buf, start, end) & this.#mask
    for (let key = this.#keys[slot]; key !== undefined; key = this.#keys[slot]) {
      if (equalBytes(buf, start, end, key)) return this.#lists[slot]!
      slot = (slot + 1) & this.#mask
    }
    return this.#others
  }
}

/** Length and four bytes: enough to spread names that are known beforehand, and the bytes are compared anyway. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  const count = end - start
  if (count === 0) return 0
  const quarter = count >> 2
  const picked =
    bytes[start]! |
    (bytes[start + quarter]! << 8) |
    (bytes[end - 1 - quarter]! << 16) |
    (bytes[end - 1]! << 24)
  const hash = Math.imul(picked ^ count, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}
