/** The tenants' and the provider's receivers: TCP servers on loopback that keep the lines they get. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { LineSplitter } from '../lines.ts'
import type { DemoForwarder } from './layout.ts'

const LINE_MAX = 1024 * 1024
/** Lines kept of one receiver; more are only counted. */
const KEPT_MAX = 100_000

export class Receiver {
  readonly forwarder: DemoForwarder
  readonly lines: string[] = []
  count = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(forwarder: DemoForwarder) {
    this.forwarder = forwarder
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** Opens a receiver on a free port. */
  static async open(forwarder: DemoForwarder): Promise<Receiver> {
    const receiver = new Receiver(forwarder)
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    const splitter = new LineSplitter(LINE_MAX, (buf, start, end) => {
      this.count += 1
      if (this.lines.length < KEPT_MAX) this.lines.push(buf.toString('utf8', start, end))
    })
    socket.on('data', (chunk) => splitter.push(chunk))
    socket.on('end', () => splitter.end())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
