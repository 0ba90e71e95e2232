/** A receiver for very many numbered events: which numbers came, and how often, in a byte each and without keeping a line. */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

const LF = 0x0a
const SPACE = 0x20
/** Of a line of `dfwLine`: its number stands behind this. */
const MARK = Buffer.from(' PASS ')

export class CountingSink {
  lines = 0
  /** Numbers that came again, and lines with none or one out of range. */
  repeated = 0
  strange = 0
  readonly #seen: Uint8Array
  readonly #server: Server = createServer((socket) => this.#take(socket))
  readonly #sockets = new Set<Socket>()
  readonly #waiting = new Set<() => void>()

  /** For numbers from 0 to below `count`. */
  constructor(count: number) {
    this.#seen = new Uint8Array(count)
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get missing(): number {
    return this.#seen.reduce((sum, seen) => sum + (seen === 0 ? 1 : 0), 0)
  }

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Resolves when so many lines have come. */
  until(lines: number): Promise<void> {
    return new Promise((done) => {
      const look = (): void => {
        if (this.lines < lines) return
        this.#waiting.delete(look)
        done()
      }
      this.#waiting.add(look)
      look()
    })
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    let rest = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      rest = Buffer.from(bytes.subarray(this.#count(bytes)))
      for (const look of this.#waiting) look()
    })
  }

  /** Where the unfinished line begins. */
  #count(bytes: Buffer): number {
    let from = 0
    for (let to = bytes.indexOf(LF); to >= 0; to = bytes.indexOf(LF, from)) {
      this.#line(bytes, from, to)
      from = to + 1
    }
    return from
  }

  #line(bytes: Buffer, from: number, to: number): void {
    this.lines++
    const mark = bytes.indexOf(MARK, from)
    let number = 0
    let at = mark + MARK.length
    for (; bytes[at] !== SPACE && at < to; at++) number = number * 10 + (bytes[at] as number) - 0x30
    if (mark < 0 || mark >= to || !(number < this.#seen.length)) this.strange++
    else if (this.#seen[number] !== 0) this.repeated++
    else this.#seen[number] = 1
  }
}
