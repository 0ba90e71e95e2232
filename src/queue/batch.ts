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
  /** Changes with {@link peer}; 0 or left out: nobody counted. */
  readonly peer_id?: number
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
  /** Index entries, {@link Entry}, as words. */
  index: Uint32Array<ArrayBuffer>
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
  /** The chunk that it is open in (`open-batches.ts`) and its bytes; 0: it has memory of its own. */
  chunk_at = 0
  chunk_bytes = 0
  /** Somebody may still read the payload after the batch is done with: its memory must not be used again. */
  borrowed = false
  /** It was read from disk: the payload is a view over a buffer that nobody else has, and that is freed with it. */
  read_back = false

  constructor(
    form: PayloadForm,
    identity: BatchIdentity,
    names: BatchNames,
    payload: Buffer,
    index?: Uint32Array<ArrayBuffer>,
  ) {
    this.form = form
    this.identity = identity
    this.names = names
    this.payload = payload
    this.index = index ?? new Uint32Array(INDEX_FIRST / 4)
    this.#capacity = this.index.length / WORDS
  }

  /** Bytes of memory it holds: what the budget is charged. Senders count from the seal on; forged ones are many. */
  get held(): number {
    if (this.chunk_at !== 0) return this.chunk_bytes
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
    const { start, end } = copyEvent(this.payload, this.used, this.form, event, escape)
    this.used = end + (this.form === PayloadForm.newline ? 1 : 0)

    const n = this.events
    if (this.indexFull) this.growIndex(new Uint32Array(this.index.length * 2))
    if (event.received_at !== time_known) takeApart(event.received_at)
    const peer = this.numberPeer(event.peer)
    const words = this.index
    const word = n * WORDS
    words[word] = start
    words[word + 1] = end - start
    words[word + 2] = time_low
    words[word + 3] = time_high
    words[word + 4] = owner
    words[word + 5] = event.stream | (peer << 16)
    words[word + 6] = event.listener | (event.source << 16)
    words[word + 7] = event.flags
    this.events = n + 1
  }

  /** Gives an open batch the memory that its events were copied to. */
  fill(payload: Buffer, used: number, index: Uint32Array<ArrayBuffer>, events: number): void {
    this.payload = payload
    this.used = used
    this.index = index
    this.#capacity = index.length / WORDS
    this.events = events
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
  growIndex(larger: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
    assert(larger.length > this.index.length)
    larger.set(this.index.subarray(0, this.events * WORDS))
    const old = this.index
    this.index = larger
    this.#capacity = larger.length / WORDS
    return old
  }

  /** Ends the open state. */
  seal(sequence: number): void {
    assert(this.sequence === -1, 'sealed twice')
    this.sequence = sequence
    this.#sealed_as = sequence
  }

  offset(n: number): number {
    return this.index[n * WORDS] as number
  }

  length(n: number): number {
    return this.index[n * WORDS + 1] as number
  }

  received_at(n: number): number {
    time_words[0] = this.index[n * WORDS + 2] as number
    time_words[1] = this.index[n * WORDS + 3] as number
    time_known = Number.NaN
    return time[0] as number
  }

  owner(n: number): number {
    return this.index[n * WORDS + 4] as number
  }

  stream(n: number): number {
    return (this.index[n * WORDS + 5] as number) & 0xffff
  }

  peer(n: number): string {
    return this.peers[this.peerNumber(n)] ?? ''
  }

  /** Place of the event's sender in {@link peers}. */
  peerNumber(n: number): number {
    return (this.index[n * WORDS + 5] as number) >>> 16
  }

  listener(n: number): number {
    return (this.index[n * WORDS + 6] as number) & 0xffff
  }

  source(n: number): number {
    return (this.index[n * WORDS + 6] as number) >>> 16
  }

  flags(n: number): number {
    return (this.index[n * WORDS + 7] as number) & 0xffff
  }

  /** Stable over retries, restarts and splits: epoch/worker/forwarder/sequence/position. */
  eventId(n: number): string {
    const { epoch, worker, forwarder } = this.identity
    return `${epoch.toString(36)}/${worker}/${forwarder}/${this.#sealed_as}/${this.first_position + n}`
  }

  /** The number of a sender in this batch; a new one gets the next. */
  numberPeer(peer: string): number {
    if (peer === this.#last_peer && this.peers.length > 0) return this.#last_peer_number
    let number: number
    if (this.peers.length === 0) {
      // Not pushed: an array that grows makes room for seventeen.
      this.peers = [peer]
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

const where = { start: 0, end: 0 }

/** Writes an event into a payload at `at`; where its own bytes stand then, good until the next call. */
export function copyEvent(
  payload: Buffer,
  at: number,
  form: PayloadForm,
  event: Appendable,
  escape: boolean,
): { readonly start: number; readonly end: number } {
  const length = event.end - event.start
  const start = form === PayloadForm.octet_counted ? writeCount(payload, at, length) : at
  where.start = start
  if (escape) where.end = writeEscaped(payload, start, event.buf, event.start, event.end)
  else {
    copyBytes(event.buf, payload, start, event.start, event.end)
    where.end = start + length
  }
  if (form === PayloadForm.newline) payload[where.end] = LF
  return where
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
