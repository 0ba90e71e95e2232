/**
 * How much of the admin interface those may use who have shown no token: so many connections, and so many requests on
 * each that are not answered. Where all connections are taken, the one that asked for nothing for longest makes way, so
 * that whoever holds them open shuts nobody out, and takes no descriptors from senders and destinations.
 */
import type { Socket } from 'node:net'

/** Commands, scrapers and balancers send one and wait for its answer. */
const UNANSWERED_MAX = 8

export class Door {
  readonly #max: number
  readonly #closed: () => void
  /** Requests that are not answered, by connection: the one that was used last stands last. */
  readonly #open = new Map<Socket, number>()

  /** `closed` is told of each connection that had to go. */
  constructor(max: number, closed: () => void) {
    this.#max = max
    this.#closed = closed
  }

  /** A connection was accepted. */
  enter(socket: Socket): void {
    this.#open.set(socket, 0)
    socket.on('close', () => this.#open.delete(socket))
    if (this.#open.size > this.#max) this.#turnOut(this.#idle() ?? socket)
  }

  /** A request came; false: it is not to be looked at. */
  begin(socket: Socket): boolean {
    const unanswered = this.#open.get(socket)
    if (unanswered === undefined || socket.destroyed) return false
    if (unanswered >= UNANSWERED_MAX) {
      this.#turnOut(socket)
      return false
    }
    this.#open.set(socket, unanswered + 1)
    return true
  }

  /** A request that was let in is answered, or its connection is gone. */
  end(socket: Socket): void {
    const unanswered = this.#open.get(socket)
    if (unanswered === undefined) return
    this.#open.delete(socket)
    this.#open.set(socket, unanswered - 1)
  }

  #idle(): Socket | undefined {
    for (const [socket, unanswered] of this.#open) if (unanswered === 0) return socket
    return undefined
  }

  #turnOut(socket: Socket): void {
    this.#open.delete(socket)
    socket.destroy()
    this.#closed()
  }
}
