/** A RELP sender as real ones are: a window of events, answers remembered, and what was not answered sent again. */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { RelpCommand } from '../../src/relp/frames.ts'
import { RelpReader } from '../../src/relp/reader.ts'
import { frame, OFFERS } from './relp.ts'
import { dfwLine } from './router.ts'

const WINDOW = 256

/** Sends numbered events and remembers which were acknowledged; opens again and sends the rest when a session breaks. */
export class Sender {
  /** Numbers that were acknowledged. */
  readonly safe = new Set<number>()
  sent = 0
  next = 0
  stop = false
  /** No new events while it is set; what was sent is still answered. */
  hold = false
  /** The numbers above which nothing new is sent. */
  readonly #most: number
  #again: number[] = []
  #fill: () => void = () => undefined

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most
  }

  /** Ends {@link hold}. */
  go(): void {
    this.hold = false
    this.#fill()
  }

  /** One session after another until `stop`, then until everything is acknowledged. */
  async run(port: () => number): Promise<void> {
    while (!this.stop || this.#again.length > 0) {
      await this.#session(port())
      await sleep(20)
    }
  }

  #take(): number | undefined {
    const again = this.#again.shift()
    if (again !== undefined) return again
    if (this.stop || this.hold || this.next >= this.#most) return undefined
    return this.next++
  }

  #session(port: number): Promise<void> {
    return new Promise((done) => {
      const socket = connect(port, '127.0.0.1')
      const waiting = new Map<number, number>()
      let txnr = 1
      let opened = false
      const reader = new RelpReader(65_536, {
        relp: (answered, command, buf, start) => {
          const number = waiting.get(answered)
          if (command !== RelpCommand.rsp || (answered !== 1 && number === undefined)) return
          if (buf[start] !== 0x32) throw new Error('a router answers 200 or nothing')
          if (number !== undefined) this.safe.add(number)
          waiting.delete(answered)
        },
        fault: () => {
          throw new Error('a router speaks RELP')
        },
      })
      const fill = (): void => {
        const out: string[] = []
        while (waiting.size < WINDOW) {
          const number = this.#take()
          if (number === undefined) break
          txnr += 1
          waiting.set(txnr, number)
          this.sent += 1
          out.push(frame(txnr, 'syslog', dfwLine(0, number)))
        }
        if (out.length > 0) socket.write(out.join(''))
        else if (waiting.size === 0 && !this.hold) socket.end()
      }
      this.#fill = () => socket.writable && opened && fill()
      socket.on('connect', () => socket.write(frame(1, 'open', OFFERS)))
      socket.on('data', (chunk: Buffer) => {
        reader.push(chunk)
        opened = true
        fill()
      })
      end(socket, () => {
        this.#again = [...waiting.values(), ...this.#again]
        done()
      })
    })
  }
}

function end(socket: Socket, act: () => void): void {
  socket.on('error', () => undefined)
  socket.on('end', () => socket.destroy())
  socket.on('close', act)
}
