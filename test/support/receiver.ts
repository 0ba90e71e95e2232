/** A tenant's receiver: reads lines over TCP, remembers their numbers, can go away and come back on its port. */
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { sequenceOf } from './router.ts'
import { listenSteadily } from './steady-port.ts'

export class Receiver {
  #server: Server
  readonly #sockets = new Set<Socket>()
  #port = 0
  /** How often each number came. */
  readonly seen = new Map<number, number>()
  lines = 0
  /** The last line, to look at. */
  sample = ''
  /** Monotonic ms of the longest time without a line, and of the last line. */
  longest_gap = 0
  #last_at = 0
  readonly #waiting = new Set<{ test: () => boolean; done: () => void }>()

  constructor() {
    this.#server = this.#make()
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `tcp://127.0.0.1:${this.#port}`
  }

  async open(): Promise<this> {
    this.#port = await listenSteadily(this.#server, this.#port)
    return this
  }

  /** As a process that dies: connections are reset, the port is closed. */
  async close(how: 'reset' | 'end' = 'reset'): Promise<void> {
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    }
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
    this.#server = this.#make()
  }

  /** Waits until `test` holds; looked at after each read. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve()
    return new Promise((done) => this.#waiting.add({ test, done }))
  }

  /** Numbers in [0, count) that never came. */
  missing(count: number): number[] {
    return Array.from({ length: count }, (_, n) => n).filter((n) => !this.seen.has(n))
  }

  #make(): Server {
    return createServer((socket) => {
      this.#sockets.add(socket)
      let rest = ''
      socket.on('data', (chunk) => {
        const text = rest + chunk.toString('latin1')
        const lines = text.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) this.#take(line)
        this.#look()
      })
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  #take(line: string): void {
    const now = performance.now()
    if (this.#last_at > 0) this.longest_gap = Math.max(this.longest_gap, now - this.#last_at)
    this.#last_at = now
    this.lines += 1
    this.sample = line
    const n = sequenceOf(line)
    this.seen.set(n, (this.seen.get(n) ?? 0) + 1)
  }

  #look(): void {
    for (const waiting of [...this.#waiting]) {
      if (!waiting.test()) continue
      this.#waiting.delete(waiting)
      waiting.done()
    }
  }
}

/** Sends lines to a port over one connection, at most `rate` a second, and closes in order. */
export async function sendLines(
  port: number,
  lines: Iterable<string>,
  rate = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { connect } = await import('node:net')
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const started = performance.now()
  let sent = 0
  let piece: string[] = []
  const flush = async (): Promise<void> => {
    const text = `${piece.join('\n')}\n`
    piece = []
    if (!socket.write(text)) await once(socket, 'drain')
    const due = started + (sent / rate) * 1000
    const wait = due - performance.now()
    if (wait > 1) await new Promise((done) => setTimeout(done, wait))
  }
  for (const line of lines) {
    piece.push(line)
    sent += 1
    if (piece.length === 500) await flush()
  }
  if (piece.length > 0) await flush()
  socket.end()
  socket.resume()
  await once(socket, 'close')
}
