/**
 * The way into a stream listener: who may connect at all, within which limits, for whom a balancer stands, and the TLS
 * handshake. What comes out is a connection of a known peer, of which no byte was read yet.
 */
import type { Socket } from 'node:net'
import type { Admission } from './admission.ts'
import { connectionsAllowed, openConnections } from './descriptors.ts'
import { ConnectionCounts } from './limits.ts'
import { plainAddress } from './prefixes.ts'
import { ProxyGate } from './proxy-gate.ts'
import { eventReading, type Reading, readingWith, sharedReading } from './reading.ts'
import type { Refusals } from './refusals.ts'
import { share, type StreamSettings } from './stream-settings.ts'
import type { TlsGate } from './tls-gate.ts'
import type { ListenerDeps, Origin, RefuseReason } from './types.ts'

/** A socket that counts, and by which address; null: in all only. */
interface Kept {
  counted: string | null
}

export interface EntranceParts {
  readonly settings: StreamSettings
  /** Place of the listener in the configuration. */
  readonly index: number
  readonly deps: ListenerDeps
  readonly admission: Admission
  readonly refusals: Refusals
  /** Undefined: no TLS. */
  readonly gate: TlsGate | undefined
  /** Bytes come through the buffer that all connections share; not for protocols that want the socket, nor with TLS. */
  readonly plain: boolean
  /** A socket is held from now on: times have to be looked at. */
  readonly held: () => void
  /** `counted`: the address whose limits it counts in; null: a balancer's own, which counts in none of a peer. */
  readonly opened: (reading: Reading, origin: Origin, counted: string | null) => void
}

/** See the module. */
export class Entrance {
  /** Every accepted socket, also those in their TLS handshake. */
  readonly sockets = new Set<Socket>()
  readonly #parts: EntranceParts
  readonly #proxy: ProxyGate | undefined
  readonly #counts: ConnectionCounts
  readonly #descriptors_max: number

  constructor(parts: EntranceParts) {
    const { settings, deps, gate, refusals } = parts
    const { name, proxy_from, frame_timeout, idle_timeout } = settings
    const { workers } = deps
    this.#parts = parts
    if (proxy_from.length > 0) {
      const quiet_max = gate?.timeout ?? idle_timeout
      this.#proxy = new ProxyGate({ name, proxy_from, frame_timeout, quiet_max }, deps, refusals)
    }
    this.#counts = new ConnectionCounts(
      share(settings.connections_max, workers),
      share(settings.connections_per_address, workers),
    )
    this.#descriptors_max = deps.descriptors_max ?? connectionsAllowed(workers)
  }

  /** Milliseconds: the shortest time that {@link check} has to notice. */
  get timeout(): number {
    const { gate } = this.#parts
    return Math.min(
      gate?.timeout ?? Number.POSITIVE_INFINITY,
      this.#proxy?.timeout ?? Number.POSITIVE_INFINITY,
    )
  }

  /** Ends handshakes and headers that take too long. */
  check(now: number): void {
    this.#parts.gate?.check(now)
    this.#proxy?.check(now)
  }

  /** Takes a socket that nobody has begun to read. */
  accept(socket: Socket): void {
    // A peer that is gone already has no address; nothing was received from it.
    if (socket.remoteAddress === undefined) {
      socket.destroy()
      return
    }
    const { admission, plain, index } = this.#parts
    const peer = plainAddress(socket.remoteAddress)
    if (this.#proxy?.balances(peer) === true) return this.#acceptBalanced(socket, peer, this.#proxy)
    const source = admission.admit(peer)
    if (typeof source === 'string') return this.#turnAway(socket, source, peer)
    const reason = this.#full(peer)
    if (reason !== null) return this.#turnAway(socket, reason, peer)
    const reading = plain ? sharedReading(socket) : eventReading(socket)
    this.#keep(reading.socket, peer)
    this.#enter(reading, { listener: index, peer, source }, peer)
  }

  #turnAway(socket: Socket, reason: RefuseReason, peer: string): void {
    // The close of a refused peer that resets first is no error of ours.
    socket.on('error', ignore)
    socket.destroy()
    this.#parts.refusals.refuse(reason, peer)
  }

  #full(peer: string | null): RefuseReason | null {
    return openConnections.count >= this.#descriptors_max ? 'descriptors' : this.#over(peer)
  }

  #over(peer: string | null): RefuseReason | null {
    const over = this.#counts.over(peer)
    if (over !== null) return over === 'max' ? 'connections_max' : 'connections_per_address'
    return this.#parts.gate?.full(peer) ?? null
  }

  /** Who it is shows in its header only: until then it counts in all. */
  #acceptBalanced(socket: Socket, balancer: string, proxy: ProxyGate): void {
    const reason = this.#full(null)
    if (reason !== null) return this.#turnAway(socket, reason, balancer)
    if (this.#parts.plain) {
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
    const source = this.#parts.admission.admit(peer)
    if (sender === null && typeof source === 'string') return this.#enterMute(reading, peer, source)
    if (typeof source === 'string') return this.#turnAway(reading.socket, source, peer)
    if (sender !== null) {
      this.#counts.remove(null)
      const reason = this.#over(sender)
      kept.counted = reason === null ? sender : null
      this.#counts.add(kept.counted)
      if (reason !== null) return this.#turnAway(reading.socket, reason, peer)
    }
    this.#enter(reading, { listener: this.#parts.index, peer, source }, sender)
  }

  #enter(reading: Reading, origin: Origin, counted: string | null): void {
    const { gate, opened } = this.#parts
    if (gate === undefined) return opened(reading, origin, counted)
    gate.handshake(reading.socket, origin.peer, counted, (secured) =>
      opened(eventReading(secured), origin, counted),
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
    if (this.#parts.gate === undefined) listen(reading)
    else
      this.#parts.gate.handshake(reading.socket, balancer, null, (secured) => listen(eventReading(secured)))
  }

  /** Counts the socket until it is closed. */
  #keep(socket: Socket, counted: string | null): Kept {
    const kept: Kept = { counted }
    this.#counts.add(counted)
    openConnections.count++
    this.sockets.add(socket)
    this.#parts.deps.tally.connections(this.#counts.total)
    this.#parts.held()
    socket.on('close', () => {
      this.#counts.remove(kept.counted)
      openConnections.count--
      this.sockets.delete(socket)
      this.#parts.deps.tally.connections(this.#counts.total)
    })
    return kept
  }
}

function ignore(): void {
  // See where it is used.
}
