/**
 * A socket for one busy sender. `dgram` costs about 4.7 µs a datagram, nearly all of it outside JavaScript: 64 KiB are
 * allocated and shrunk, the sender's address becomes text and an object. A plain read costs 1.8 µs but does not say
 * who sent. So a sender that keeps the listener busy gets a second socket on the listener's port that is connected to
 * it: the kernel puts there what comes from that sender, and from nobody else, and it can be read plainly.
 *
 * Between bind and connect the new socket is anybody's. Therefore it is first read as every other, with addresses,
 * until more has come out of it than its buffer can have held when it was connected.
 *
 * A plain read has no way to be told that something came: while the sender is busy the socket is looked at every
 * {@link POLL_MS}, and when it no longer is, it is read by events again. It is closed after a silence, because what
 * arrives while it closes is lost.
 */
import dgram, { type RemoteInfo, type Socket } from 'node:dgram'
import type { Buffer } from 'node:buffer'
import type { Clock, Timer } from '../base/clock.ts'
import { readDatagram, type UdpHandle, udpHandle } from './udp-handle.ts'

/** A receive buffer must hold what comes meanwhile many times over: see {@link FLOW_BUFFER_LEAST}. */
const POLL_MS = 2
/** Looks in a row, {@link POLL_MS} apart, in which the listener's own socket gave nothing of the sender any more. */
const QUIET_LOOKS = 3
/** The longest that is waited for that: the flow's own buffer fills meanwhile. */
const WAIT_MAX_MS = 60
/** Datagrams before others get their turn. */
const TURN_MAX = 512
/** Fewer datagrams in such a while: events are cheaper than looking. */
const WHILE_MS = 1000
const BUSY_LEAST = 2000
/** The least memory that the kernel counts for a datagram. */
const DATAGRAM_COST = 512
/** Below this a busy sender fills the buffer in a few milliseconds. */
export const FLOW_BUFFER_LEAST = 512 * 1024

export interface FlowDeps {
  readonly socket: {
    readonly type: 'udp4' | 'udp6'
    readonly host: string
    readonly port: number
    readonly buffer: number
  }
  readonly clock: Clock
  /** Datagrams of the sender's address so far that came by the listener's own socket. */
  seen(): number
  /** A datagram read with its address. */
  message(message: Buffer, info: RemoteInfo): void
  /** A datagram of this flow's sender of so many bytes, in `datagram`. */
  taken(bytes: number): void
  /** After some of the latter. */
  turnDone(): void
  /** It is connected, or closed: the sockets of the process are others. */
  changed(): void
  /** From now on it is read plainly, or by events again. */
  turned(flow: UdpFlow, plain: boolean): void
  /** It cannot be used (any more) and is closed. */
  failed(flow: UdpFlow, error: unknown): void
}

/** See the module. */
export class UdpFlow {
  readonly address: string
  readonly port: number
  readonly #deps: FlowDeps
  readonly #socket: Socket
  /** Datagrams that may still be anybody's. */
  #unsure = Number.POSITIVE_INFINITY
  /** The most datagrams that its buffer holds. */
  #queue_max = 0
  #handle: UdpHandle | undefined
  #timer: Timer | undefined
  #while_since = 0
  #while_count = 0
  #count = 0
  #count_before = 0
  #silent_ticks = 0
  #closing = false
  #closed: Promise<void> | undefined

  constructor(address: string, port: number, deps: FlowDeps) {
    this.address = address
    this.port = port
    this.#deps = deps
    const { type, buffer } = deps.socket
    this.#socket = dgram.createSocket({ type, ipv6Only: false, reusePort: true, recvBufferSize: buffer })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('message', (message, info) => {
      this.#count++
      deps.message(message, info)
      this.#unsure--
      // It was busy when this began; whether it still is shows within a second.
      if (this.#unsure === 0) this.busy()
    })
    this.#join()
  }

  /** Seconds without a datagram. */
  get silent_ticks(): number {
    return this.#silent_ticks
  }

  /** The sender is busy. */
  busy(): void {
    if (this.#unsure > 0 || this.#handle !== undefined || this.#closing) return
    const handle = udpHandle(this.#socket)
    if (handle === undefined) return
    handle.recvStop()
    this.#handle = handle
    this.#while_since = this.#deps.clock.monotonic()
    this.#while_count = 0
    this.#deps.turned(this, true)
    // Not at once: the datagram at hand comes first.
    setImmediate(() => this.#poll())
  }

  /** Called every second. */
  tick(): void {
    this.#silent_ticks = this.#count === this.#count_before ? this.#silent_ticks + 1 : 0
    this.#count_before = this.#count
  }

  /** Takes what is there, then closes. Safe twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #join(): void {
    const { host, port } = this.#deps.socket
    this.#socket.bind({ address: host, port, exclusive: true }, () => {
      if (this.#closing) return
      // What the listener's own socket still holds of the sender came before: it is read first.
      const handle = udpHandle(this.#socket)
      handle?.recvStop()
      this.#socket.connect(this.port, this.address, (error?: Error) => {
        if (this.#closing) return
        if (error !== undefined && error !== null) return this.#fail(error)
        this.#queue_max = Math.ceil(this.#socket.getRecvBufferSize() / DATAGRAM_COST)
        this.#unsure = this.#queue_max
        this.#deps.changed()
        if (handle !== undefined) this.#awaitTurn(handle, this.#deps.clock.monotonic())
      })
    })
  }

  /** Reads once the listener's own socket is drained of the sender: order is kept over the move. */
  #awaitTurn(handle: UdpHandle, since: number, seen = -1, quiet = 0): void {
    if (this.#closing) return
    const now = this.#deps.clock.monotonic()
    const count = this.#deps.seen()
    const looks = count === seen ? quiet + 1 : 0
    if (looks < QUIET_LOOKS && now - since < WAIT_MAX_MS) {
      this.#timer = this.#deps.clock.after(POLL_MS, () => this.#awaitTurn(handle, since, count, looks))
      return
    }
    const answer = handle.recvStart()
    if (answer !== 0) this.#fail(new Error(`recvStart answers ${String(answer)}`))
  }

  #poll(): void {
    const handle = this.#handle
    if (handle === undefined || this.#closing) return
    const taken = this.#read(handle.fd, TURN_MAX)
    if (this.#handle === undefined) return
    this.#while_count += taken
    if (taken === TURN_MAX) {
      setImmediate(() => this.#poll())
      return
    }
    const now = this.#deps.clock.monotonic()
    if (now - this.#while_since >= WHILE_MS) {
      if (this.#while_count < BUSY_LEAST) return this.#byEvents(handle)
      this.#while_since = now
      this.#while_count = 0
    }
    this.#timer = this.#deps.clock.after(POLL_MS, () => this.#poll())
  }

  #byEvents(handle: UdpHandle): void {
    this.#handle = undefined
    const answer = handle.recvStart()
    if (answer === 0) this.#deps.turned(this, false)
    else this.#fail(new Error(`recvStart answers ${String(answer)}`))
  }

  /** Datagrams taken, at most `max`. */
  #read(fd: number, max: number): number {
    const deps = this.#deps
    let count = 0
    while (count < max) {
      const bytes = this.#next(fd)
      if (bytes < 0) break
      count++
      deps.taken(bytes)
    }
    this.#count += count
    if (count > 0) deps.turnDone()
    return count
  }

  #next(fd: number): number {
    try {
      return readDatagram(fd)
    } catch (error) {
      this.#fail(error)
      return -1
    }
  }

  #fail(error: unknown): void {
    if (this.#closing) return
    void this.close()
    this.#deps.failed(this, error)
  }

  #close(): Promise<void> {
    this.#closing = true
    this.#timer?.cancel()
    const handle = this.#handle
    this.#handle = undefined
    // More than it can hold: what keeps coming does not keep it open.
    if (handle !== undefined) this.#read(handle.fd, this.#queue_max)
    return new Promise((resolve) => {
      this.#socket.close(() => resolve())
      this.#deps.changed()
    })
  }
}
