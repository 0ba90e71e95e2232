/** TCP, and the part of TLS that is TCP: accepting within limits, pausing, timeouts, stopping. */
import net, { type Server, type Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import type { LogweirError } from '../base/errors.ts'
import { Admission } from './admission.ts'
import { bindError } from './bind-errors.ts'
import { Connection, type ConnectionShared } from './connection.ts'
import { connectionsAllowed, openConnections } from './descriptors.ts'
import { ConnectionCounts } from './limits.ts'
import { plainAddress } from './prefixes.ts'
import { eventReading, type Reading, sharedReading } from './reading.ts'
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
  readonly gate?: (refusals: Refusals) => TlsGate
  /** Left out: syslog over a shared read buffer. The socket has not begun to read. */
  readonly open?: (shared: ConnectionShared, socket: Socket, origin: Origin) => StreamPeer
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
  readonly #counts: ConnectionCounts
  readonly #descriptors_max: number
  readonly #open_peer: StreamKind['open']
  readonly #connections = new Set<StreamPeer>()
  /** Every accepted socket, also those in their TLS handshake. */
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #port = 0
  #sweep: Timer | undefined
  #unresume: (() => void) | undefined
  #stopping: Promise<void> | undefined

  constructor(settings: StreamSettings, index: number, deps: ListenerDeps, { gate, open }: StreamKind = {}) {
    const { workers, clock, tally, intake, log } = deps
    this.name = settings.name
    this.#settings = settings
    this.#index = index
    this.#deps = deps
    this.#admission = new Admission(settings, deps.sources)
    this.#refusals = new Refusals(settings.name, tally, clock, log)
    this.#shared = { settings, intake, tally, clock, refusals: this.#refusals }
    this.#gate = gate?.(this.#refusals)
    this.#open_peer = open
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
    const source = this.#admission.admit(peer)
    const reason = typeof source === 'string' ? source : this.#full(peer)
    if (typeof source === 'string' || reason !== null) {
      // The close of a refused peer that resets first is no error of ours.
      socket.on('error', ignore)
      socket.destroy()
      this.#refusals.refuse(reason ?? 'connections_max', peer)
      return
    }
    const origin = { listener: this.#index, peer, source }
    if (this.#gate === undefined) {
      const reading = this.#open_peer === undefined ? sharedReading(socket) : eventReading(socket)
      this.#keep(reading.socket, peer)
      this.#open(reading, origin)
      return
    }
    this.#keep(socket, peer)
    this.#gate.handshake(socket, peer, (secured) => this.#open(eventReading(secured), origin))
  }

  #full(peer: string): RefuseReason | null {
    if (openConnections.count >= this.#descriptors_max) return 'descriptors'
    const over = this.#counts.over(peer)
    if (over !== null) return over === 'max' ? 'connections_max' : 'connections_per_address'
    return this.#gate?.full(peer) ?? null
  }

  /** Counts the socket until it is closed. */
  #keep(socket: Socket, peer: string): void {
    this.#counts.add(peer)
    openConnections.count++
    this.#sockets.add(socket)
    this.#deps.tally.connections(this.#counts.total)
    this.#arm()
    socket.on('close', () => {
      this.#counts.remove(peer)
      openConnections.count--
      this.#sockets.delete(socket)
      this.#deps.tally.connections(this.#counts.total)
    })
  }

  #open(reading: Reading, origin: Origin): void {
    const connection =
      this.#open_peer?.(this.#shared, reading.socket, origin) ?? new Connection(this.#shared, reading, origin)
    this.#connections.add(connection)
    reading.socket.on('close', () => this.#connections.delete(connection))
    if (this.#stopping !== undefined) connection.finish()
  }

  #arm(): void {
    if (this.#sweep !== undefined) return
    const { frame_timeout, idle_timeout } = this.#settings
    const shortest = Math.min(
      frame_timeout,
      idle_timeout ?? frame_timeout,
      this.#gate?.timeout ?? frame_timeout,
    )
    const every = Math.max(10, Math.min(SWEEP_MS, Math.floor(shortest / 4)))
    this.#sweep = this.#deps.clock.after(every, () => {
      this.#sweep = undefined
      const now = this.#deps.clock.monotonic()
      this.#gate?.check(now)
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

function ignore(): void {
  // See where it is used.
}
