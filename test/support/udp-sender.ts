/**
 * Numbered datagrams from a thread of its own, which goes on sending while the caller's event loop stands still. It
 * sends no more than it was granted, so that a test decides how much lies in the receiver's buffer.
 */
import { Worker } from 'node:worker_threads'

const CELL = { credit: 0, sent: 1, rebound: 2 } as const

const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const dgram = require('node:dgram')
const { host, port, turns, from, shared } = workerData
const cells = new Int32Array(shared)
const lookup = (address, options, done) => done(null, address, address.includes(':') ? 6 : 4)
const sockets = new Map()
const numbers = new Map()

function open(name, bound_to) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', lookup })
    socket.once('error', reject)
    socket.bind({ port: bound_to, address: from[name] }, () => socket.connect(port, host, () => {
      sockets.set(name, socket)
      resolve()
    }))
  })
}

async function rebind() {
  for (const [name, socket] of [...sockets]) {
    const bound_to = socket.address().port
    await new Promise((resolve) => socket.close(resolve))
    await open(name, bound_to)
  }
  Atomics.add(cells, 2, 1)
  Atomics.notify(cells, 2)
}

async function main() {
  for (const name of new Set(turns)) await open(name, 0)
  let again = Promise.resolve()
  parentPort.on('message', () => { again = again.then(rebind) })
  parentPort.postMessage('ready')
  for (;;) {
    await again
    const credit = Atomics.load(cells, 0)
    let sent = Atomics.load(cells, 1)
    const turn = Math.min(credit, sent + 64)
    const answers = []
    for (; sent < turn; sent++) {
      const name = turns[sent % turns.length]
      const number = numbers.get(name) ?? 0
      numbers.set(name, number + 1)
      answers.push(new Promise((resolve, reject) =>
        sockets.get(name).send(name + ':' + number, (error) => error ? reject(error) : resolve())))
    }
    await Promise.all(answers)
    Atomics.store(cells, 1, sent)
    Atomics.notify(cells, 1)
    if (sent === credit) {
      const wait = Atomics.waitAsync(cells, 0, credit, 20)
      if (wait.async) await wait.value
    }
  }
}
main()
`

export interface NumberedSenderOptions {
  readonly port: number
  readonly host?: string
  /** Whose turn it is, again and again: each name has a socket and numbers of its own. */
  readonly turns?: readonly string[]
  /** Addresses of names that have one of their own. */
  readonly from?: Readonly<Record<string, string>>
}

/** See the module. Each datagram reads `name:number`. */
export class NumberedSender {
  readonly #cells = new Int32Array(new SharedArrayBuffer(12))
  readonly #worker: Worker

  private constructor(options: NumberedSenderOptions) {
    const { port, host = '127.0.0.1', turns = ['a'], from = {} } = options
    const workerData = { port, host, turns, from, shared: this.#cells.buffer }
    this.#worker = new Worker(PROGRAM, { eval: true, workerData })
  }

  static async start(options: NumberedSenderOptions): Promise<NumberedSender> {
    const made = new NumberedSender(options)
    await new Promise<void>((resolve, reject) => {
      made.#worker.once('message', () => resolve())
      made.#worker.once('error', reject)
    })
    return made
  }

  get granted(): number {
    return Atomics.load(this.#cells, CELL.credit)
  }

  /** It may send until it has sent so many in all. */
  grant(total: number): void {
    if (total <= this.granted) return
    Atomics.store(this.#cells, CELL.credit, total)
    Atomics.notify(this.#cells, CELL.credit)
  }

  /** Stops this thread until all that was granted is sent: it lies in the receiver's sockets then. */
  block(): void {
    const until = Date.now() + 20_000
    for (;;) {
      const sent = Atomics.load(this.#cells, CELL.sent)
      if (sent >= this.granted) return
      if (Date.now() > until) throw new Error(`only ${sent} of ${this.granted} datagrams were sent`)
      Atomics.wait(this.#cells, CELL.sent, sent, 1000)
    }
  }

  /** Closes its sockets and opens them again on the same ports, once all that was granted is sent. */
  async rebind(): Promise<void> {
    const before = Atomics.load(this.#cells, CELL.rebound)
    this.#worker.postMessage('rebind')
    const wait = Atomics.waitAsync(this.#cells, CELL.rebound, before, 20_000)
    if (wait.async && (await wait.value) === 'timed-out') throw new Error('the sender did not bind again')
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Stops this thread. */
export function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
