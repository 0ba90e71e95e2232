/** A RELP receiver by hand: takes sessions, keeps events, answers as it is told to. */
import type { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { answerOffers, RelpCommand } from '../../src/relp/frames.ts'
import { RelpReader } from '../../src/relp/reader.ts'
import { frame } from './relp.ts'
import { listenSteadily } from './steady-port.ts'

export type RelpAnswer = '200' | '500' | 'none'

export class RelpServer {
  /** Events in the order they came, also those that are not answered for. */
  readonly events: string[] = []
  /** Events that were answered with 200. */
  readonly accepted: string[] = []
  sessions = 0
  closes = 0
  /** What to say to an event; called with it and with how many came before. */
  answer: (event: string, before: number) => RelpAnswer = () => '200'
  /** What to say to `open`; undefined: what is right, null: nothing. */
  opening: string | null | undefined = undefined
  /** Answers are kept back and sent in this way; undefined: at once, in order. */
  later: ((answers: string[]) => string[]) | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #looks = new Set<() => void>()

  constructor(tls?: TlsOptions) {
    const take = (socket: Socket): void => this.#take(socket)
    this.#server = tls === undefined ? createServer(take) : createTlsServer(tls, take)
    this.#server.on('tlsClientError', () => undefined)
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<this> {
    await listenSteadily(this.#server, port, host)
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends every connection, with a reset where `how` says so. */
  drop(how: 'reset' | 'end' | 'serverclose' = 'reset'): void {
    for (const socket of this.#sockets) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.end(how === 'serverclose' ? frame(0, 'serverclose') : '')
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((done) => {
      const look = (): void => {
        if (!holds()) return
        this.#looks.delete(look)
        done()
      }
      this.#looks.add(look)
      look()
    })
  }

  #tell(): void {
    for (const look of this.#looks) look()
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#tell()
    })
    let answers: string[] = []
    const reader = new RelpReader(1 << 20, {
      relp: (txnr, command, buf, start, end) => {
        const data = buf.toString('utf8', start, end)
        if (command === RelpCommand.open) {
          this.sessions += 1
          const said = this.opening === undefined ? answerOffers(data).data : this.opening
          if (said !== null) socket.write(frame(txnr, 'rsp', said))
        } else if (command === RelpCommand.syslog) {
          const said = this.answer(data, this.events.length)
          this.events.push(data)
          if (said === '200') this.accepted.push(data)
          if (said !== 'none') answers.push(frame(txnr, 'rsp', said === '200' ? '200 OK' : '500 no'))
        } else if (command === RelpCommand.close) {
          this.closes += 1
          socket.end(frame(txnr, 'rsp') + frame(0, 'serverclose'))
        }
      },
      fault: (reason) => {
        throw new Error(`the forwarder wrote no RELP: ${reason}`)
      },
    })
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      const out = this.later === undefined ? answers : this.later(answers)
      answers = []
      if (out.length > 0 && socket.writable) socket.write(out.join(''))
      this.#tell()
    })
  }
}
