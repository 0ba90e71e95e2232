/**
 * A batch in memory: the one unit that queues, spools, is sent, retried and set aside. Open, it takes
 * events; sealed, it has a sequence number and never changes. `batch-format.ts` has its written form.
 */
import { Buffer } from 'node:buffer'
import assert from 'node:assert/strict'
import type { Ticket } from './acknowledgement.ts'
import { Entry, PayloadForm } from './batch-format.ts'

const LF = 10
const CR = 13
const NUL = 0
const HASH = 35
/** Words of an index entry. One view over the index keeps what an append touches within few cache lines. */
const WORDS = Entry.size / 4
const INDEX_FIRST = 16 * Entry.size
const PEERS_MAX = 0xffff
/** An address as a string and its place in the numbering (measured). */
const PEER_BYTES = 112

/** A double and its two words: the receive time of a read's events is taken apart once. */
const time = new Float64Array(1)
const time_words = new Uint32Array(time.buffer)
let time_low = 0
let time_high = 0
let time_known = 0

function takeApart(received_at: number): void {
  time[0] = received_at
  time_low = time_words[0] as number
  time_high = time_words[1] as number
  time_known = received_at
}

/** What the numbers in an index stand for. In memory this is the rule set; from disk the batch's own names. */
export interface BatchNames {
  stream(id: number): string
  /** The tenant and `owner` object of the event JSON, or null for an orphan. */
  owner(id: number): OwnerName | null
  listener(id: number): string
  source(id: number): SourceName | null
}

export interface OwnerName {
  readonly tenant: string
  readonly owner: {
    readonly org: { readonly id: string; readonly name: string | null } | null
    readonly org_vdc: { readonly id: string; readonly name: string | null } | null
    readonly data_center_group: { readonly id: string; readonly name: string | null } | null
    readonly gateway: { readonly id: string; readonly name: string | null } | null
    readonly by: string
  }
}

export interface SourceName {
  readonly name: string
  readonly site: string | null
  readonly zone: string
}

/** What {@link Batch.append} reads of an event: the event view has it, tests make it by hand. */
export interface Appendable {
  readonly buf: Uint8Array
  readonly start: number
  readonly end: number
  readonly flags: number
  readonly received_at: number
  readonly stream: number
  readonly listener: number
  readonly source: number
  readonly peer: string
}

/** Who sealed a batch and where it stands in the order. */
export interface BatchIdentity {
  readonly epoch: number
  readonly worker: number
  readonly forwarder: string
  readonly generation: number
}

export class Batch {
  readonly form: PayloadForm
  readonly identity: BatchIdentity
  readonly names: BatchNames
  /**
   * Where it stands in its queue's order: set by {@link seal}, -1 while open. Only a batch that was taken over from
   * another worker gets another place later; its events keep the identity that they were sealed with.
   */
  sequence = -1
  #sealed_as = -1
  events = 0
  /** `payload[0, used)` is what was appended. */
  payload: Buffer
  used = 0
  /** Index entries, {@link Entry}. */
  index: ArrayBuffer
  #words: Uint32Array
  /** Events that the index has room for. */
  #capacity: number
  /** Addresses of the senders, by the number in the index. */
  peers: string[] = []
  #peer_numbers: Map<string, number> | undefined
  #last_peer = ''
  #last_peer_number = 0
  /** Monotonic milliseconds when the first event came; for `batch.age` and `spill_after`. */
  opened_mono = 0
  /** Identity of the first event's position, above 0 for the later part of a split batch. */
  first_position = 0
  /** The queue's own bookkeeping: disk has a copy. */
  on_disk = false
  /** Bytes of that copy. */
  disk_bytes = 0
  /** Set by stream destinations: the kernel took all of its bytes, so a dying router does not lose it. */
  written = false
  /** Senders that wait until disk has it (`acknowledgement.ts`). */
  tickets: Ticket[] | null = null
  /** Bytes that it counts among what waits to be written before it is sent. */
  unsaved = 0
  /** Somebody may still read the payload after the batch is done with: its memory must not be used again. */
  borrowed = false

  constructor(
    form: PayloadForm,
    identity: BatchIdentity,
    names: BatchNames,
    payload: Buffer,
    index?: ArrayBuffer,
  ) {
    this.form = form
    this.identity = identity
    this.names = names
    this.payload = payload
    this.index = index ?? new ArrayBuffer(INDEX_FIRST)
    this.#words = new Uint32Array(this.index)
    this.#capacity = this.#words.length / WORDS
  }

  /** Bytes of memory it holds: what the budget is charged. Senders count from the seal on; forged ones are many. */
  get held(): number {
    return (
      this.payload.buffer.byteLength + this.index.byteLength + (this.sequence === -1 ? 0 : this.peer_bytes)
    )
  }

  /** About what the addresses of its senders take. */
  get peer_bytes(): number {
    return this.peers.length * PEER_BYTES
  }

  /** Appends one event. The caller has made sure that the payload has room ({@link room}) and seals by size. */
  append(event: Appendable, owner: number, escape: boolean): void {
    const length = event.end - event.start
    let at = this.used
    const payload = this.payload
    if (this.form === PayloadForm.octet_counted) at = writeCount(payload, at, length)
    const offset = at
    if (escape) at = writeEscaped(payload, at, event.buf, event.start, event.end)
    else {
      copyBytes(event.buf, payload, at, event.start, event.end)
      at += length
    }
    const end = at
    if (this.form === PayloadForm.newline) payload[at++] = LF
    this.used = at

    const n = this.events
    if (this.indexFull) this.growIndex(new ArrayBuffer(this.index.byteLength * 2))
    if (event.received_at !== time_known) takeApart(event.received_at)
    const peer =
      event.peer === this.#last_peer && n > 0 ? this.#last_peer_number : this.#numberPeer(event.peer)
    const words = this.#words
    const word = n * WORDS
    words[word] = offset
    words[word + 1] = end - offset
    words[word + 2] = time_low
    words[word + 3] = time_high
    words[word + 4] = owner
    words[word + 5] = event.stream | (peer << 16)
    words[word + 6] = event.listener | (event.source << 16)
    words[word + 7] = event.flags
    this.events = n + 1
  }

  /** The most bytes that {@link append} writes for an event of `length` bytes in this form. */
  room(length: number, escape: boolean): number {
    const body = escape ? length * 4 : length
    if (this.form === PayloadForm.newline) return body + 1
    if (this.form === PayloadForm.octet_counted) return body + 11
    return body
  }

  /** Whether another event's sender still fits the numbering. */
  get full(): boolean {
    return this.peers.length >= PEERS_MAX
  }

  /** Replaces the payload by a larger one that holds the same bytes; gives back the old. */
  growPayload(larger: Buffer): Buffer {
    assert(larger.length > this.used)
    this.payload.copy(larger, 0, 0, this.used)
    const old = this.payload
    this.payload = larger
    return old
  }

  /** Whether the index has no room for another event. */
  get indexFull(): boolean {
    return this.events >= this.#capacity
  }

  /** Replaces the index by a larger one that holds the same entries; gives back the old. */
  growIndex(larger: ArrayBuffer): ArrayBuffer {
    assert(larger.byteLength > this.index.byteLength)
    const words = new Uint32Array(larger)
    words.set(this.#words.subarray(0, this.events * WORDS))
    const old = this.index
    this.index = larger
    this.#words = words
    this.#capacity = words.length / WORDS
    return old
  }

  /** Ends the open state. */
  seal(sequence: number): void {
    assert(this.sequence === -1, 'sealed twice')
    this.sequence = sequence
    this.#sealed_as = sequence
  }

  offset(n: number): number {
    return this.#words[n * WORDS] as number
  }

  length(n: number): number {
    return this.#words[n * WORDS + 1] as number
  }

  received_at(n: number): number {
    time_words[0] = this.#words[n * WORDS + 2] as number
    time_words[1] = this.#words[n * WORDS + 3] as number
    time_known = Number.NaN
    return time[0] as number
  }

  owner(n: number): number {
    return this.#words[n * WORDS + 4] as number
  }

  stream(n: number): number {
    return (this.#words[n * WORDS + 5] as number) & 0xffff
  }

  peer(n: number): string {
    return this.peers[this.peerNumber(n)] ?? ''
  }

  /** Place of the event's sender in {@link peers}. */
  peerNumber(n: number): number {
    return (this.#words[n * WORDS + 5] as number) >>> 16
  }

  listener(n: number): number {
    return (this.#words[n * WORDS + 6] as number) & 0xffff
  }

  source(n: number): number {
    return (this.#words[n * WORDS + 6] as number) >>> 16
  }

  flags(n: number): number {
    return (this.#words[n * WORDS + 7] as number) & 0xffff
  }

  /** Stable over retries, restarts and splits: epoch/worker/forwarder/sequence/position. */
  eventId(n: number): string {
    const { epoch, worker, forwarder } = this.identity
    return `${epoch.toString(36)}/${worker}/${forwarder}/${this.#sealed_as}/${this.first_position + n}`
  }

  #numberPeer(peer: string): number {
    let number: number
    if (this.peers.length === 0) {
      this.peers.push(peer)
      number = 0
    } else {
      // Most batches have one sender: the map is made with the second.
      this.#peer_numbers ??= new Map([[this.peers[0] as string, 0]])
      number = this.#peer_numbers.get(peer) ?? -1
      if (number === -1) {
        number = this.peers.push(peer) - 1
        this.#peer_numbers.set(peer, number)
      }
    }
    this.#last_peer = peer
    this.#last_peer_number = number
    return number
  }
}

/** Copies `source[start, end)` to `target` at `at`: the frames of a read are Buffers, and their own method is fastest. */
function copyBytes(source: Uint8Array, target: Buffer, at: number, start: number, end: number): void {
  if (source instanceof Buffer) source.copy(target, at, start, end)
  else target.set(source.subarray(start, end), at)
}

function writeCount(target: Buffer, at: number, count: number): number {
  let divisor = 1
  while (divisor * 10 <= count) divisor *= 10
  let rest = count
  while (divisor >= 1) {
    const digit = Math.trunc(rest / divisor)
    target[at++] = 48 + digit
    rest -= digit * divisor
    divisor /= 10
  }
  target[at++] = 32
  return at
}

/** rsyslog's escapes: LF `#012`, CR `#015`, NUL `#000`. */
function writeEscaped(target: Buffer, at: number, source: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const byte = source[i] as number
    if (byte !== LF && byte !== CR && byte !== NUL) {
      target[at++] = byte
      continue
    }
    target[at++] = HASH
    target[at++] = 48
    target[at++] = byte === NUL ? 48 : 49
    target[at++] = byte === LF ? 50 : byte === CR ? 53 : 48
  }
  return at
}
