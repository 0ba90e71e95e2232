/**
 * What the system knows of our connections and Node does not ask: how much of what was written the other side's system
 * has not confirmed, and how often it was sent again in vain. Node can set neither TCP_USER_TIMEOUT nor read TCP_INFO;
 * Linux tells the same in `/proc/net/tcp` (proc(5)). Elsewhere nothing is known, and nothing is concluded.
 */
import type { Buffer } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { isIPv6, type Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'

export interface KernelView {
  /** Monotonic milliseconds when it was asked for: all that was written before is in the numbers. */
  readonly at: number
  /** Bytes that the other side's system has not confirmed. */
  readonly unconfirmed: number
  /** Times that the oldest of them was sent again without an answer; 0 for a peer that answers and takes nothing. */
  readonly retransmits: number
}

/** One reading for all connections of the thread, at most so often: a table of thousands costs milliseconds. */
const EVERY_MS = 900
const LINE = 0x0a
const COLON = 0x3a
/** Timer of tcp(7)'s sockets in the table: 1 is the retransmission of data, 4 the probe of a closed window. */
const RETRANSMISSION = 1

interface Row {
  readonly unconfirmed: number
  readonly retransmits: number
}

/** By `local port * 65536 + remote port`; null: more than one connection has these ports. */
type Table = Map<number, Row | null>
/** How many connections are watched that have these ports. */
type Watched = Map<number, number>

export class KernelTcp {
  readonly #clock: Clock
  readonly #files: readonly [string, string]
  readonly #tables: [Table | undefined, Table | undefined] = [undefined, undefined]
  readonly #at = [0, 0]
  readonly #reading = [false, false]
  readonly #asked_at = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  readonly #watched: Watched = new Map()

  constructor(clock: Clock, files: readonly [string, string] = ['/proc/net/tcp', '/proc/net/tcp6']) {
    this.#clock = clock
    this.#files = files
  }

  /** The connection may be asked about from now on, until the function that is returned was called. */
  watch(socket: Socket): () => void {
    const key = keyOf(socket)
    if (key === undefined) return () => undefined
    this.#watched.set(key, (this.#watched.get(key) ?? 0) + 1)
    return () => {
      const left = (this.#watched.get(key) ?? 1) - 1
      if (left > 0) this.#watched.set(key, left)
      else this.#watched.delete(key)
    }
  }

  /** What was last read of a watched connection; undefined when nothing is known. A newer reading is under way. */
  look(socket: Socket): KernelView | undefined {
    const { localAddress } = socket
    const key = keyOf(socket)
    if (key === undefined || localAddress === undefined) return undefined
    const which = isIPv6(localAddress) ? 1 : 0
    this.#refresh(which)
    const row = this.#tables[which]?.get(key)
    return row === undefined || row === null ? undefined : { at: this.#at[which] ?? 0, ...row }
  }

  #refresh(which: 0 | 1): void {
    const now = this.#clock.monotonic()
    if (this.#reading[which] === true || now - (this.#asked_at[which] ?? 0) < EVERY_MS) return
    this.#reading[which] = true
    this.#asked_at[which] = now
    void readFile(this.#files[which])
      .then(
        (text) => {
          this.#tables[which] = parseTable(text, this.#watched)
          this.#at[which] = now
        },
        () => {
          this.#tables[which] = undefined
        },
      )
      .finally(() => {
        this.#reading[which] = false
      })
  }
}

function keyOf({ localPort, remotePort }: Socket): number | undefined {
  return localPort === undefined || remotePort === undefined ? undefined : localPort * 65_536 + remotePort
}

/**
 * The rows of `/proc/net/tcp`: `sl local remote st tx:rx tr:when retrnsmt …`, numbers in hexadecimal. What is no such
 * row is passed over, and of a row of nobody's in `watched` only the ports are read: a busy machine has thousands.
 */
export function parseTable(text: Buffer, watched: Pick<Watched, 'has'>): Table {
  const table: Table = new Map()
  for (let at = text.indexOf(LINE) + 1; at > 0 && at < text.length; ) {
    const next = text.indexOf(LINE, at)
    const end = next === -1 ? text.length : next
    readRow(text, at, end, watched, table)
    at = end + 1
  }
  return table
}

/** Digits of an address of IPv4 and of IPv6. */
const V4_DIGITS = 8
const V6_DIGITS = 32
/** From the state to the end of `retrnsmt`. */
const REST = 41

function readRow(text: Buffer, from: number, end: number, watched: Pick<Watched, 'has'>, table: Table): void {
  let local = from
  while (local < end && text[local] !== COLON) local++
  local += 2
  const digits = text[local + V4_DIGITS] === COLON ? V4_DIGITS : V6_DIGITS
  const remote = local + digits + 6
  const state = remote + digits + 6
  if (state + REST > end || text[local + digits] !== COLON || text[remote + digits] !== COLON) return
  const key = hex(text, local + digits + 1, 4) * 65_536 + hex(text, remote + digits + 1, 4)
  if (!watched.has(key)) return
  if (table.has(key)) {
    table.set(key, null)
    return
  }
  const retransmits = hex(text, state + 21, 2) === RETRANSMISSION ? hex(text, state + 33, 8) : 0
  table.set(key, { unconfirmed: hex(text, state + 3, 8), retransmits })
}

function hex(text: Buffer, from: number, digits: number): number {
  let value = 0
  for (let at = from; at < from + digits; at++) {
    const c = text[at] as number
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : c >= 0x41 && c <= 0x46 ? c - 0x37 : -1
    if (digit < 0) break
    value = value * 16 + digit
  }
  return value
}

const shared = new WeakMap<Clock, KernelTcp>()

/** One for all destinations of the thread. */
export function sharedKernelTcp(clock: Clock): KernelTcp {
  let kernel = shared.get(clock)
  if (kernel === undefined) {
    kernel = new KernelTcp(clock)
    shared.set(clock, kernel)
  }
  return kernel
}
