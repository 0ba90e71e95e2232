/** TCP, and the part of TLS that is TCP: accepting within limits, pausing, timeouts, stopping. */
import net, { type Server, type Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import type { LogweirError } from '../base/errors.ts'
import { Admission } from './admission.ts'
import { bindError } from './bind-errors.ts'
import { Connection, type ConnectionShared } from './connection.ts'
import { connectionsAllowed, openConnections } from './descriptors.ts'
import { ConnectionCounts } from './limits.ts'
import { PeerRates } from './peer-rates.ts'
import { plainAddress } from './prefixes.ts'
import { ProxyGate } from './proxy-gate.ts'
import type { Bucket } from './rates.ts'
import { eventReading, type Reading, readingWith, sharedReading } from './reading.ts'
import { Refusals } from './refusals.ts'
import { share, type StreamSettings } from './stream-settings.ts'
import type { TlsGate } from './tls-gate.ts'
import type { Listener, ListenerDeps, Origin, RefuseReason } from './types.ts'

const KEEP_ALIVE_MS = 60_000
const BACKLOG = 1024
/** Timeouts are looked at so often, all connections in one go: no timer a connection. */
const SWEEP_MS = 1000
/** How long a stopping listener waits for a sender that is between frames. */
const QUIET_MS = 50

/** What an admitted connection becomes: syslog's {@link Connection}, or a protocol of its own. */
export interface StreamPeer {
  /** Bytes have come since this was last set to false. */
  busy: boolean
  readonly paused: boolean
  readonly unfinished: boolean
  /** Memory has room again. */
  resume(): void
  /** Says goodbye; what is on its way is still taken. */
  finish(): void
  /** Ends it when a time it is held to has passed. */
  check(now: number): void
  destroy(): void
}

/** What tells one stream listener from another. */
export interface StreamKind {
  /** Left out: syslog. Bytes come through a shared buffer where the platform has it. */
  readonly connect?: (
    shared: ConnectionShared,
    reading: Reading,
    origin: Origin,
    bucket: Bucket | undefined,
  ) => StreamPeer
  readonly gate?: (refusals: Refusals) => TlsGate
  /**
   * Left out: syslog over a shared read buffer. The socket has not begun to read (what came behind a PROXY header is put
   * back into it). `bucket`: of all connections of the peer, undefined without `rate_max`.
   */
  readonly open?: (
    shared: ConnectionShared,
    socket: Socket,
    origin: Origin,
    bucket: Bucket | undefined,
  ) => StreamPeer
}

/** A socket that counts, and by which address; null: in all only. */
interface Kept {
  counted: string | null
}

/** See the module. */
export class StreamListener implements Listener {
  readonly name: string
  readonly #settings: StreamSettings
  readonly #index: number
  readonly #deps: ListenerDeps
  readonly #admission: Admission
  readonly #refusals: Refusals
  readonly #shared: ConnectionShared
  readonly #gate: TlsGate | undefined
  readonly #proxy: ProxyGate | undefined
  readonly #rates: PeerRates | undefined
  readonly #counts: ConnectionCounts
  readonly #descriptors_max: number
  readonly #open_peer: StreamKind['open']
  readonly #connect: NonNullable<StreamKind['connect']>
  readonly #connections = new Set<StreamPeer>()
  /** Every accepted socket, also those in their TLS handshake. */
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #port = 0
  #sweep: Timer | undefined
  #unresume: (() => void) | undefined
  #stopping: Promise<void> | undefined

  constructor(
    settings: StreamSettings,
    index: number,
    deps: ListenerDeps,
    { gate, open, connect }: StreamKind = {},
  ) {
    const { workers, clock, tally, intake, log } = deps
    this.name = settings.name
    this.#settings = settings
    this.#index = index
    this.#deps = deps
    this.#admission = new Admission(settings, deps.sources)
    this.#refusals = new Refusals(settings.name, tally, clock, log, (peer) => this.#admission.sourceOf(peer))
    this.#shared = { settings, intake, tally, clock, refusals: this.#refusals }
    this.#gate = gate?.(this.#refusals)
    this.#open_peer = open
    const { name, proxy_from, frame_timeout, idle_timeout, rate_max } = settings
    if (proxy_from.length > 0) {
      const quiet_max = this.#gate?.timeout ?? idle_timeout
      this.#proxy = new ProxyGate({ name, proxy_from, frame_timeout, quiet_max }, deps, this.#refusals)
    }
    if (rate_max !== null) this.#rates = new PeerRates(rate_max)
    this.#connect = connect ?? syslog
    this.#counts = new ConnectionCounts(
      share(settings.connections_max, workers),
      share(settings.connections_per_address, workers),
    )
    this.#descriptors_max = deps.descriptors_max ?? connectionsAllowed(workers)
    const options = {
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      pauseOnConnect: gate === undefined,
    }
    this.#server = net.createServer(options, (socket) => this.#accept(socket))
  }

  get address(): Listener['address'] {
    return { host: this.#settings.host, port: this.#port }
  }

  /** @throws LogweirError in one sentence when the address cannot be bound. */
  async bind(): Promise<void> {
    const { host, port } = this.#settings
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(bindError(this.#settings, error))
      server.once('error', failed)
      server.listen(
        { host, port, backlog: BACKLOG, ipv6Only: false, reusePort: this.#deps.reuse_port },
        () => {
          server.off('error', failed)
          resolve()
        },
      )
    })
    server.on('error', (error) =>
      this.#deps.log('error', 'a listener failed', { listener: this.name, error: error.message }),
    )
    const bound = server.address()
    this.#port = bound !== null && typeof bound === 'object' ? bound.port : port
    this.#unresume = this.#deps.intake.onResume(() => {
      for (const connection of this.#connections) if (connection.paused) connection.resume()
    })
  }

  reload(): Promise<LogweirError | null> {
    return this.#gate === undefined ? Promise.resolve(null) : this.#gate.reload()
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#stop(grace_ms)
    return this.#stopping
  }

  #accept(socket: Socket): void {
    // A peer that is gone already has no address; nothing was received from it.
    if (socket.remoteAddress === undefined || this.#stopping !== undefined) {
      socket.destroy()
      return
    }
    const peer = plainAddress(socket.remoteAddress)
    if (this.#proxy?.balances(peer) === true) return this.#acceptBalanced(socket, peer, this.#proxy)
    const source = this.#admission.admit(peer)
    if (typeof source === 'string') return this.#turnAway(socket, source, peer)
    const reason = this.#full(peer)
    if (reason !== null) return this.#turnAway(socket, reason, peer)
    const reading = this.#plain ? sharedReading(socket) : eventReading(socket)
    this.#keep(reading.socket, peer)
    this.#enter(reading, { listener: this.#index, peer, source }, peer)
  }

  /** Syslog without TLS: reads go into the shared buffer. */
  get #plain(): boolean {
    return this.#gate === undefined && this.#open_peer === undefined
  }

  #turnAway(socket: Socket, reason: RefuseReason, peer: string): void {
    // The close of a refused peer that resets first is no error of ours.
    socket.on('error', ignore)
    socket.destroy()
    this.#refusals.refuse(reason, peer)
  }

  #full(peer: string | null): RefuseReason | null {
    return openConnections.count >= this.#descriptors_max ? 'descriptors' : this.#over(peer)
  }

  #over(peer: string | null): RefuseReason | null {
    const over = this.#counts.over(peer)
    if (over !== null) return over === 'max' ? 'connections_max' : 'connections_per_address'
    return this.#gate?.full(peer) ?? null
  }

  /** Who it is shows in its header only: until then it counts in all. */
  #acceptBalanced(socket: Socket, balancer: string, proxy: ProxyGate): void {
    const reason = this.#full(null)
    if (reason !== null) return this.#turnAway(socket, reason, balancer)
    if (this.#plain) {
      const reading = sharedReading(socket)
      const kept = this.#keep(reading.socket, null)
      proxy.readBy(reading, balancer, (sender, rest) =>
        this.#introduced(kept, readingWith(reading, rest), balancer, sender),
      )
      return
    }
    const kept = this.#keep(socket, null)
    proxy.read(socket, balancer, (sender) => this.#introduced(kept, eventReading(socket), balancer, sender))
  }

  /**
   * A balancer has said for whom it stands; null: for itself, and then no limit of a peer counts. In version 1 it names its
   * own address then.
   */
  #introduced(kept: Kept, reading: Reading, balancer: string, named: string | null): void {
    const peer = named ?? balancer
    const sender = named === null || this.#proxy?.balances(named) === true ? null : named
    const source = this.#admission.admit(peer)
    if (sender === null && typeof source === 'string') return this.#enterMute(reading, peer, source)
    if (typeof source === 'string') return this.#turnAway(reading.socket, source, peer)
    if (sender !== null) {
      this.#counts.remove(null)
      const reason = this.#over(sender)
      kept.counted = reason === null ? sender : null
      this.#counts.add(kept.counted)
      if (reason !== null) return this.#turnAway(reading.socket, reason, peer)
    }
    this.#enter(reading, { listener: this.#index, peer, source }, sender)
  }

  #enter(reading: Reading, origin: Origin, counted: string | null): void {
    if (this.#gate === undefined) return this.#open(reading, origin, counted)
    this.#gate.handshake(reading.socket, origin.peer, counted, (secured) =>
      this.#open(eventReading(secured), origin, counted),
    )
  }

  /**
   * The health check of a balancer that may not send: it gets its connection, and its handshake, and is refused with its
   * first byte.
   */
  #enterMute(reading: Reading, balancer: string, reason: RefuseReason): void {
    const listen = (own: Reading): void => {
      const { socket } = own
      socket.on('error', ignore)
      socket.on('end', () => socket.destroy())
      own.start(() => {
        if (!socket.destroyed) this.#turnAway(socket, reason, balancer)
      })
    }
    if (this.#gate === undefined) listen(reading)
    else this.#gate.handshake(reading.socket, balancer, null, (secured) => listen(eventReading(secured)))
  }

  /** Counts the socket until it is closed. */
  #keep(socket: Socket, counted: string | null): Kept {
    const kept: Kept = { counted }
    this.#counts.add(counted)
    openConnections.count++
    this.#sockets.add(socket)
    this.#deps.tally.connections(this.#counts.total)
    this.#arm()
    socket.on('close', () => {
      this.#counts.remove(kept.counted)
      openConnections.count--
      this.#sockets.delete(socket)
      this.#deps.tally.connections(this.#counts.total)
    })
    return kept
  }

  #open(reading: Reading, origin: Origin, counted: string | null): void {
    const { socket } = reading
    const bucket = this.#bucket(socket, counted)
    const connection =
      this.#open_peer?.(this.#shared, socket, origin, bucket) ??
      this.#connect(this.#shared, reading, origin, bucket)
    this.#connections.add(connection)
    socket.on('close', () => this.#connections.delete(connection))
    if (this.#stopping !== undefined) connection.finish()
  }

  /** What the peer's connections draw from, until this one is closed; a balancer's own draw from nothing. */
  #bucket(socket: Socket, counted: string | null): Bucket | undefined {
    if (this.#rates === undefined || counted === null) return undefined
    const { clock } = this.#deps
    socket.on('close', () => this.#rates?.release(counted, clock.monotonic()))
    return this.#rates.acquire(counted, clock.monotonic())
  }

  #arm(): void {
    if (this.#sweep !== undefined) return
    const { frame_timeout, idle_timeout } = this.#settings
    const shortest = Math.min(
      frame_timeout,
      idle_timeout ?? frame_timeout,
      this.#gate?.timeout ?? frame_timeout,
      this.#proxy?.timeout ?? frame_timeout,
    )
    const every = Math.max(10, Math.min(SWEEP_MS, Math.floor(shortest / 4)))
    this.#sweep = this.#deps.clock.after(every, () => {
      this.#sweep = undefined
      const now = this.#deps.clock.monotonic()
      this.#gate?.check(now)
      this.#proxy?.check(now)
      for (const connection of this.#connections) connection.check(now)
      if (this.#sockets.size > 0) this.#arm()
    })
  }

  async #stop(grace_ms: number): Promise<void> {
    this.#unresume?.()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const until = this.#deps.clock.monotonic() + grace_ms
    for (const connection of this.#connections) {
      connection.resume()
      connection.finish()
    }
    while (this.#connections.size > 0 && this.#deps.clock.monotonic() < until) {
      for (const connection of this.#connections) connection.busy = false
      await new Promise<void>((resolve) => this.#deps.clock.after(QUIET_MS, resolve))
      for (const connection of this.#connections)
        if (!connection.busy && !connection.unfinished) connection.destroy()
    }
    for (const connection of this.#connections) connection.destroy()
    for (const socket of this.#sockets) socket.destroy()
    this.#sweep?.cancel()
    await closed
  }
}

function syslog(
  shared: ConnectionShared,
  reading: Reading,
  origin: Origin,
  bucket: Bucket | undefined,
): StreamPeer {
  return new Connection(shared, reading, origin, bucket)
}

function ignore(): void {
  // See where it is used.
}
