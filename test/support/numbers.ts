/** A destination that only counts which numbers came: for streams of hundreds of thousands, read as slowly as wanted. */
import type { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { sequenceOf } from './router.ts'
import { listenSteadily } from './steady-port.ts'

export interface Pace {
  /** Bytes read each time. */
  readonly bytes: number
  readonly every_ms: number
}

export class NumberSink {
  /** How often each number came; others than these are not looked at. */
  readonly times: Uint16Array
  distinct = 0
  /** Numbers that came for the first time behind a higher one. */
  inversions = 0
  #highest = -1
  lines = 0
  port = 0
  #server: Server
  readonly #sockets = new Set<Socket>()
  /** Undefined: as fast as it comes. */
  pace: Pace | undefined

  constructor(count: number, pace?: Pace) {
    this.times = new Uint16Array(count)
    this.pace = pace
    this.#server = this.#make()
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.port}`
  }

  get connected(): boolean {
    return this.#sockets.size > 0
  }

  /** Opens on the port that it had before, if it had one. */
  async open(): Promise<this> {
    if (this.#server.listening) return this
    this.port = await listenSteadily(this.#server, this.port)
    return this
  }

  /** Dies: connections are reset with whatever they have not read, the port refuses. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.resetAndDestroy()
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
    this.#server = this.#make()
  }

  /** Numbers below `count` that never came. */
  missing(count: number): number {
    let missing = 0
    for (let n = 0; n < count; n++) if (this.times[n] === 0) missing += 1
    return missing
  }

  get doubled(): number {
    return this.lines - this.distinct
  }

  /** Waits until `holds`; looked at 50 times a second. Fails after `limit_ms`. */
  async until(holds: () => boolean, limit_ms = 60_000): Promise<void> {
    const end = performance.now() + limit_ms
    while (!holds()) {
      if (performance.now() > end) throw new Error(`only ${this.distinct} numbers came in time`)
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  #make(): Server {
    return createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
      let rest = ''
      const take = (chunk: Buffer): void => {
        const lines = (rest + chunk.toString('latin1')).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#count(sequenceOf(line))
      }
      this.#read(socket, take)
    })
  }

  #read(socket: Socket, take: (chunk: Buffer) => void): void {
    let allowance = 0
    socket.on('data', (chunk: Buffer) => {
      take(chunk)
      allowance -= chunk.length
      if (this.pace !== undefined && allowance <= 0) socket.pause()
    })
    const timer = setInterval(() => {
      const { bytes } = this.pace ?? { bytes: Number.POSITIVE_INFINITY }
      allowance = Math.min(allowance + bytes, bytes)
      if (allowance > 0) socket.resume()
    }, this.pace?.every_ms ?? 10)
    socket.on('close', () => clearInterval(timer))
  }

  #count(n: number): void {
    this.lines += 1
    const before = this.times[n]
    if (before === undefined) return
    if (before === 0) {
      this.distinct += 1
      if (n < this.#highest) this.inversions += 1
      else this.#highest = n
    }
    this.times[n] = before + 1
  }
}
