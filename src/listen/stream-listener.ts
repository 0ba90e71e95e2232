/** TCP, and the part of TLS that is TCP: accepting within limits, pausing, timeouts, stopping. */
import net, { type Server, type Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import type { LogweirError } from '../base/errors.ts'
import { Admission } from './admission.ts'
import { bindError } from './bind-errors.ts'
import type { UnknownRequest } from './cfapi/unknown-requests.ts'
import { Connection, type ConnectionShared } from './connection.ts'
import { Entrance } from './entrance.ts'
import { PeerRates } from './peer-rates.ts'
import type { Bucket } from './rates.ts'
import type { Reading } from './reading.ts'
import { Refusals } from './refusals.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { TlsGate } from './tls-gate.ts'
import type { Listener, ListenerDeps, Origin } from './types.ts'

const KEEP_ALIVE_MS = 60_000
const BACKLOG = 1024
/** Timeouts are looked at so often, all connections in one go: no timer a connection. */
const SWEEP_MS = 1000
/** How long a stopping listener waits for a sender that is between frames, and how often it looks. */
const QUIET_MS = 50
const LOOK_MS = 25

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
  /** {@link destroy} of one that still has something to read: counted where that is lost. */
  cut(): void
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
  readonly unknown?: () => readonly UnknownRequest[]
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

/** See the module. */
export class StreamListener implements Listener {
  readonly name: string
  readonly #settings: StreamSettings
  readonly #deps: ListenerDeps
  readonly #shared: ConnectionShared
  readonly #gate: TlsGate | undefined
  readonly #entrance: Entrance
  readonly #rates: PeerRates | undefined
  readonly #open_peer: StreamKind['open']
  readonly #unknown: StreamKind['unknown']
  readonly #connect: NonNullable<StreamKind['connect']>
  readonly #connections = new Set<StreamPeer>()
  readonly #server: Server
  #port = 0
  #sweep: Timer | undefined
  #unresume: (() => void) | undefined
  #stopping: Promise<void> | undefined
  /** Of the stop: when it ends in any case (monotonic ms), and how long a sender must be quiet. */
  #until = Number.POSITIVE_INFINITY
  #quiet = Number.POSITIVE_INFINITY

  constructor(
    settings: StreamSettings,
    index: number,
    deps: ListenerDeps,
    { gate, open, connect, unknown }: StreamKind = {},
  ) {
    const { clock, tally, intake, log } = deps
    this.name = settings.name
    this.#settings = settings
    this.#deps = deps
    const admission = new Admission(settings, deps.sources)
    const refusals = new Refusals(settings.name, tally, clock, log, (peer) => admission.sourceOf(peer))
    this.#shared = { settings, intake, tally, clock, refusals }
    this.#gate = gate?.(refusals)
    this.#open_peer = open
    this.#unknown = unknown
    this.#connect = connect ?? syslog
    if (settings.rate_max !== null) this.#rates = new PeerRates(settings.rate_max)
    this.#entrance = new Entrance({
      settings,
      index,
      deps,
      admission,
      refusals,
      gate: this.#gate,
      plain: gate === undefined && open === undefined,
      held: () => this.#arm(),
      opened: (reading, origin, counted) => this.#open(reading, origin, counted),
    })
    const options = {
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      pauseOnConnect: gate === undefined,
    }
    this.#server = net.createServer(options, (socket) => {
      if (this.#stopping === undefined) this.#entrance.accept(socket)
      else socket.destroy()
    })
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

  unknownRequests(): readonly UnknownRequest[] {
    return this.#unknown?.() ?? []
  }

  reload(): Promise<LogweirError | null> {
    return this.#gate === undefined ? Promise.resolve(null) : this.#gate.reload()
  }

  stop(grace_ms: number, quiet_ms = QUIET_MS): Promise<void> {
    this.#until = Math.min(this.#until, this.#deps.clock.monotonic() + grace_ms)
    this.#quiet = Math.min(this.#quiet, quiet_ms)
    this.#stopping ??= this.#stop()
    return this.#stopping
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
    const shortest = Math.min(frame_timeout, idle_timeout ?? frame_timeout, this.#entrance.timeout)
    const every = Math.max(10, Math.min(SWEEP_MS, Math.floor(shortest / 4)))
    this.#sweep = this.#deps.clock.after(every, () => {
      this.#sweep = undefined
      const now = this.#deps.clock.monotonic()
      this.#entrance.check(now)
      for (const connection of this.#connections) connection.check(now)
      if (this.#entrance.sockets.size > 0) this.#arm()
    })
  }

  async #stop(): Promise<void> {
    const { clock } = this.#deps
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    let now = clock.monotonic()
    const begun = now
    const heard = new Map<StreamPeer, number>()
    for (const connection of this.#connections) {
      connection.resume()
      connection.finish()
    }
    while (this.#connections.size > 0 && now < this.#until) {
      for (const connection of this.#connections) connection.busy = false
      await new Promise<void>((resolve) => clock.after(LOOK_MS, resolve))
      now = clock.monotonic()
      for (const connection of this.#connections) {
        // One that we hold up has more to say.
        if (connection.busy || connection.unfinished || connection.paused) heard.set(connection, now)
        else if (now - (heard.get(connection) ?? begun) >= this.#quiet) connection.destroy()
      }
    }
    this.#unresume?.()
    for (const connection of this.#connections) {
      if (connection.busy || connection.paused) connection.cut()
      else connection.destroy()
    }
    for (const socket of this.#entrance.sockets) socket.destroy()
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
