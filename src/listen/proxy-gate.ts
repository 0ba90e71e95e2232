/**
 * The PROXY header in front of a connection: required from the balancers of `proxy_from`, believed from nobody else,
 * bounded in bytes (`proxy-header.ts`) and, from its first byte on, in time. Stands before everything that a protocol
 * reads, its TLS handshake too.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { LogweirError } from '../base/errors.ts'
import { PrefixTable } from './prefixes.ts'
import { readProxyHeader } from './proxy-header.ts'
import type { Reading } from './reading.ts'
import type { Refusals } from './refusals.ts'
import type { ListenerDeps, RefuseReason } from './types.ts'

/** Milliseconds for the rest of a header that has begun. */
const HEADER_MS = 10_000

export interface ProxySettings {
  readonly name: string
  /** Networks of the balancers. */
  readonly proxy_from: readonly string[]
  /** Milliseconds that a frame may stay unfinished: a header is no longer than that either. */
  readonly frame_timeout: number
  /**
   * Milliseconds without any byte, null: no limit. Some balancers write the header only with their sender's first bytes,
   * so without TLS, where a sender begins, a connection without a header is a quiet sender.
   */
  readonly quiet_max: number | null
}

interface Waiting {
  readonly socket: Socket
  readonly balancer: string
  held: Buffer
  /** Monotonic milliseconds. */
  due: number
}

const NOTHING = Buffer.alloc(0)
const NEVER = Number.POSITIVE_INFINITY

/** See the module. */
export class ProxyGate {
  /** Milliseconds; the shortest time that {@link check} has to notice. */
  readonly timeout: number
  readonly #balancers = new PrefixTable()
  readonly #deps: Pick<ListenerDeps, 'clock'>
  readonly #refusals: Refusals
  readonly #quiet_max: number | null
  readonly #waiting = new Map<Socket, Waiting>()

  /** @throws LogweirError when a network cannot be read (the configuration's check finds that first). */
  constructor(settings: ProxySettings, deps: Pick<ListenerDeps, 'clock'>, refusals: Refusals) {
    const { name, proxy_from, frame_timeout, quiet_max } = settings
    this.timeout = Math.min(HEADER_MS, frame_timeout)
    this.#deps = deps
    this.#refusals = refusals
    this.#quiet_max = quiet_max
    for (const network of proxy_from) {
      if (this.#balancers.add(network, 1)) continue
      const where = `\`proxy_from\` of listener ${name}`
      const message = `${where}: ${network} is not a network`
      throw new LogweirError('listen_network', message, 'write it as 10.0.0.0/8 or ::1/128')
    }
  }

  /** Whether connections from this address begin with a header. */
  balances(address: string): boolean {
    return this.#balancers.find(address) !== -1
  }

  /**
   * Reads the header of a connection that nobody has begun to read. `done` gets the sender's address, null where the
   * balancer speaks for itself (a health check) or cannot say; what follows the header is still in the socket then.
   */
  read(socket: Socket, balancer: string, done: (sender: string | null) => void): void {
    const waiting = this.#wait(socket, balancer)
    const look = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null || !this.#waiting.has(socket)) return
      this.#push(waiting, chunk, (sender, rest) => {
        socket.off('readable', look)
        if (rest.length > 0) socket.unshift(rest)
        done(sender)
      })
    }
    socket.on('readable', look)
  }

  /** The same by a reading of the caller's; `rest` is what followed the header so far, valid during the call. */
  readBy(reading: Reading, balancer: string, done: (sender: string | null, rest: Buffer) => void): void {
    const waiting = this.#wait(reading.socket, balancer)
    reading.start((chunk) => {
      if (this.#waiting.has(reading.socket)) this.#push(waiting, chunk, done)
    })
  }

  /** Ends connections whose header is due. */
  check(now: number): void {
    for (const waiting of this.#waiting.values())
      if (now >= waiting.due) this.#refuse(waiting, 'proxy_timeout')
  }

  #wait(socket: Socket, balancer: string): Waiting {
    const due = this.#quiet_max === null ? NEVER : this.#deps.clock.monotonic() + this.#quiet_max
    const waiting: Waiting = { socket, balancer, held: NOTHING, due }
    this.#waiting.set(socket, waiting)
    const gone = (): void => {
      // Closed without a byte: a probe of the port. Behind one, a header was cut off.
      if (this.#waiting.delete(socket) && waiting.held.length > 0)
        this.#refusals.refuse('proxy_missing', balancer, 'the connection ended in its header')
      socket.destroy()
    }
    const ended = (): void => {
      if (this.#waiting.has(socket)) gone()
    }
    socket.on('error', ended)
    socket.on('end', ended)
    socket.on('close', ended)
    return waiting
  }

  #push(waiting: Waiting, chunk: Buffer, done: (sender: string | null, rest: Buffer) => void): void {
    const first = waiting.held.length === 0
    const bytes = first ? chunk : Buffer.concat([waiting.held, chunk])
    const read = readProxyHeader(bytes)
    switch (read.kind) {
      case 'more':
        // A reading's chunk is gone after the call.
        waiting.held = first ? Buffer.from(chunk) : bytes
        if (first) waiting.due = Math.min(waiting.due, this.#deps.clock.monotonic() + this.timeout)
        return
      case 'header':
        this.#waiting.delete(waiting.socket)
        return done(read.sender, bytes.subarray(read.length))
      case 'missing':
        return this.#refuse(waiting, 'proxy_missing')
      case 'invalid':
        return this.#refuse(waiting, 'proxy_invalid', read.detail)
    }
  }

  #refuse({ socket, balancer }: Waiting, reason: RefuseReason, detail?: string): void {
    this.#waiting.delete(socket)
    this.#refusals.refuse(reason, balancer, detail)
    socket.destroy()
  }
}
