/**
 * A socket for one busy sender. `dgram` costs about 4.7 µs a datagram, nearly all of it outside JavaScript: 64 KiB are
 * allocated and shrunk, the sender's address becomes text and an object. A plain read costs 1.8 µs but does not say
 * who sent. So a sender that keeps the listener busy gets a second socket on the listener's port that is connected to
 * it: the kernel puts there what comes from that sender, and from nobody else, and it can be read plainly.
 *
 * Order: what the listener's own socket held when the new one was connected is read first (`udp-backlog.ts`). Between
 * bind and connect the new one would be anybody's, so it is bound in a way that leaves everything to the listener's
 * (`udp-flow-ways.ts`). Where that cannot be, datagrams of others may be in it: it is first read as every other, with
 * addresses, until more has come out of it than can have come in between.
 *
 * A plain read has no way to be told that something came: while the sender is busy the socket is looked at every
 * {@link POLL_MS}, and when it no longer is, it is read by events again. It is closed only when another sender needs
 * its place, after a long silence, because what arrives in the moment between the last read and the close is lost.
 */
import type { Buffer } from 'node:buffer'
import dgram, { type RemoteInfo, type Socket } from 'node:dgram'
import { availableParallelism } from 'node:os'
import type { Clock, Timer } from '../base/clock.ts'
import { plainAddress } from './prefixes.ts'
import { afterBacklog, datagramsIn } from './udp-backlog.ts'
import type { FlowWay } from './udp-flow-ways.ts'
import { readDatagram, type UdpHandle, udpHandle } from './udp-handle.ts'

/** A receive buffer must hold what comes meanwhile many times over: see {@link FLOW_BUFFER_LEAST}. */
const POLL_MS = 2
/** Datagrams before others get their turn. */
const TURN_MAX = 512
/** Fewer datagrams in such a while: events are cheaper than looking. */
const WHILE_MS = 1000
const BUSY_LEAST = 2000
/** More than a processor can receive in a millisecond. */
const ARRIVE_MAX = 4000
/** Reads that fail in a row. One may: anybody can forge the message that a connected socket's peer is unreachable. */
const FAILURES_MAX = 16
/** Below this a busy sender fills the buffer in a few milliseconds. */
export const FLOW_BUFFER_LEAST = 512 * 1024

export interface FlowDeps {
  readonly port: number
  readonly buffer: number
  readonly way: FlowWay
  readonly clock: Clock
  /** Calls back when all is read that the listener's own socket holds now. */
  afterOthers(act: () => void): void
  /** A datagram read with its sender's address and port. */
  message(message: Buffer, address: string, port: number): void
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
  /** The handle under it once it is connected. */
  #handle: UdpHandle | undefined
  /** Read at all: everything before is out of the listener's own socket. */
  #begun = false
  #plain = false
  /** Datagrams that may still be anybody's. */
  #unsure = Number.POSITIVE_INFINITY
  #failures = 0
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
    const { type, ipv6Only } = deps.way
    this.#socket = dgram.createSocket({
      type,
      ipv6Only,
      reusePort: true,
      recvBufferSize: deps.buffer,
      // Bind and connect at once: an address needs no looking up.
      lookup: (host, _options, done) => done(null, host, host.includes(':') ? 6 : 4),
    })
  }

  /** Seconds without a datagram. */
  get silent_ticks(): number {
    return this.#silent_ticks
  }

  /** Binds, connects, and begins to read when its turn has come. */
  open(): void {
    const deps = this.#deps
    const { way, port, clock } = deps
    const socket = this.#socket
    socket.on('error', (error) => this.#failure(error))
    socket.on('message', (message, info) => this.#message(message, info))
    const before = clock.monotonic()
    socket.bind({ address: way.host, port, exclusive: true })
    if (this.#closing) return
    const handle = udpHandle(socket)
    if (handle === undefined) return this.#fail(new Error('the handle of its socket is not known'))
    handle.recvStop()
    socket.connect(this.port, way.connectTo(this.address), (error?: Error | null) => {
      if (this.#closing) return
      if (error !== undefined && error !== null) return this.#fail(error)
      const { address } = socket.address()
      if (way.local !== null && plainAddress(address) !== way.local)
        return this.#fail(new Error(`the system would answer the sender from ${address}`))
      this.#handle = handle
      deps.changed()
      deps.afterOthers(() => this.#begin(handle))
    })
    const arrived = Math.ceil((clock.monotonic() - before) * availableParallelism() * ARRIVE_MAX)
    this.#unsure = Math.min(arrived + 1, this.#queueMax())
  }

  /** The sender is busy. */
  busy(): void {
    const handle = this.#handle
    if (handle === undefined || this.#unsure > 0 || this.#plain || this.#closing) return
    handle.recvStop()
    this.#plain = true
    this.#while_since = this.#deps.clock.monotonic()
    this.#while_count = 0
    this.#deps.turned(this, true)
    // Not at once: the datagram at hand comes first.
    setImmediate(() => this.#poll(handle))
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

  /** Waits until all is read that is there now, then closes. */
  drain(): Promise<void> {
    if (!this.#begun || this.#unsure <= 0) return this.close()
    return new Promise((resolve) => {
      afterBacklog(
        () => this.#count,
        this.#queueMax(),
        () => void this.close().then(resolve),
      )
    })
  }

  #queueMax(): number {
    return datagramsIn(this.#socket.getRecvBufferSize())
  }

  #begin(handle: UdpHandle): void {
    if (this.#closing) return
    this.#begun = true
    this.#byEvents(handle)
  }

  #message(message: Buffer, info: RemoteInfo): void {
    this.#count++
    this.#failures = 0
    this.#deps.message(message, this.#deps.way.sentFrom(info.address), info.port)
    this.#unsure--
    // It was busy when this began; whether it still is shows within a second.
    if (this.#unsure === 0) this.busy()
  }

  #poll(handle: UdpHandle): void {
    if (this.#closing) return
    const taken = this.#read(handle.fd, TURN_MAX)
    if (this.#closing) return
    this.#while_count += taken
    if (taken === TURN_MAX) {
      setImmediate(() => this.#poll(handle))
      return
    }
    const now = this.#deps.clock.monotonic()
    if (now - this.#while_since >= WHILE_MS) {
      if (this.#while_count < BUSY_LEAST) {
        this.#plain = false
        this.#deps.turned(this, false)
        return this.#byEvents(handle)
      }
      this.#while_since = now
      this.#while_count = 0
    }
    this.#timer = this.#deps.clock.after(POLL_MS, () => this.#poll(handle))
  }

  #byEvents(handle: UdpHandle): void {
    const answer = handle.recvStart()
    if (answer !== 0) this.#fail(new Error(`recvStart answers ${String(answer)}`))
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
    for (;;) {
      try {
        const bytes = readDatagram(fd)
        this.#failures = 0
        return bytes
      } catch (error) {
        this.#failure(error)
        if (this.#failures > FAILURES_MAX) return -1
      }
    }
  }

  #failure(error: unknown): void {
    this.#failures++
    if (this.#handle === undefined || this.#failures > FAILURES_MAX) this.#fail(error)
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
    const readable = this.#begun && this.#unsure <= 0 && this.#failures <= FAILURES_MAX
    // More than it can hold: what keeps coming does not keep it open.
    if (handle !== undefined && readable) this.#read(handle.fd, this.#queueMax())
    return new Promise((resolve) => {
      this.#socket.close(() => resolve())
      this.#deps.changed()
    })
  }
}
