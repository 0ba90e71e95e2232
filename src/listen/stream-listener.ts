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
  readonly #connections = new Set<Connection>()
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
    gate?: (refusals: Refusals) => TlsGate,
  ) {
    const { workers, clock, tally, intake, log } = deps
    this.name = settings.name
    this.#settings = settings
    this.#index = index
    this.#deps = deps
    this.#admission = new Admission(settings, deps.sources)
    this.#refusals = new Refusals(settings.name, tally, clock, log)
    this.#shared = { settings, intake, tally, clock, refusals: this.#refusals }
    this.#gate = gate?.(this.#refusals)
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
      const reading = sharedReading(socket)
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
    const connection = new Connection(this.#shared, reading, origin)
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
