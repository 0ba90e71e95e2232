/** RELP for tests: what a reader found, and a sender that counts its answers. */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { RelpCommand } from '../../src/relp/frames.ts'
import { type RelpFault, RelpReader } from '../../src/relp/reader.ts'

export interface ReadFrame {
  readonly txnr: number
  readonly command: RelpCommand
  readonly data: string
  readonly flags: number
}

export interface ReadRelp {
  readonly frames: readonly ReadFrame[]
  readonly fault: RelpFault | null
  readonly unfinished: boolean
  readonly held: number
}

/** What a reader makes of these chunks. */
export function readRelp(chunks: readonly Uint8Array[], data_max = 65_536): ReadRelp {
  const frames: ReadFrame[] = []
  let fault: RelpFault | null = null
  const reader = new RelpReader(data_max, {
    relp: (txnr, command, buf, start, end, flags) =>
      void frames.push({ txnr, command, data: buf.toString('latin1', start, end), flags }),
    fault: (reason) => {
      fault = reason
    },
  })
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return { frames, fault, unfinished: reader.unfinished, held: reader.held_bytes }
}

export const OFFERS = 'relp_version=0\nrelp_software=test\ncommands=syslog'

export function frame(txnr: number, command: string, data = ''): string {
  const length = Buffer.byteLength(data)
  return length === 0 ? `${txnr} ${command} 0\n` : `${txnr} ${command} ${length} ${data}\n`
}

/** A client by hand: writes what it is told, keeps what is answered. */
export class RelpClient {
  readonly socket: Socket
  /** `txnr command data` of every answer, in order. */
  readonly answers: string[] = []
  ended = false
  fault: RelpFault | null = null
  #txnr = 0
  readonly #looks = new Set<() => void>()

  constructor(socket: Socket) {
    this.socket = socket
    const reader = new RelpReader(65_536, {
      relp: (txnr, command, buf, start, end) => {
        const name = Object.entries(RelpCommand).find(([, value]) => value === command)?.[0]
        this.answers.push(`${txnr} ${name} ${buf.toString('latin1', start, end)}`.trimEnd())
      },
      fault: (reason) => {
        this.fault = reason
      },
    })
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      this.#look()
    })
    const end = (): void => {
      this.ended = true
      this.#look()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  /** Opens a session and waits for the answer. */
  async open(offers = OFFERS): Promise<this> {
    this.#txnr += 1
    this.socket.write(frame(this.#txnr, 'open', offers))
    await this.until(() => this.answers.length > 0 || this.ended)
    return this
  }

  /** Sends events in one write; gives the number of the last. */
  send(...events: readonly string[]): number {
    this.socket.write(Buffer.from(events.map((event) => frame(++this.#txnr, 'syslog', event)).join('')))
    return this.#txnr
  }

  /** Says `close`. */
  close(): number {
    this.#txnr += 1
    this.socket.write(frame(this.#txnr, 'close'))
    return this.#txnr
  }

  /** Transactions answered with 200 (the opening not among them). */
  get acknowledged(): number {
    return this.answers.filter((answer) => answer.endsWith(' rsp 200 OK')).length
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

  #look(): void {
    for (const look of this.#looks) look()
  }
}
