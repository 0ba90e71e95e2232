/** Datagrams: one a message. Best effort; what the system refuses is counted. */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { errorText, LogweirError } from '../../base/errors.ts'
import type { Pack } from './messages.ts'
import type { Sender } from './sender.ts'
import type { SendTarget } from './target.ts'

/** Datagrams handed to the system and not yet taken. */
const PENDING_MAX = 64

class UdpSender implements Sender {
  failed = 0
  failure: string | null = null
  readonly #socket: Socket
  #pending = 0
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    // What a peer's ICMP answer says comes with the next send too; without a listener it would end the process.
    socket.on('error', (error) => {
      this.failure = errorText(error)
    })
  }

  async send({ bytes, ends }: Pack, first: number, last: number): Promise<void> {
    for (let n = first; n < last; n += 1) {
      const start = n === 0 ? 0 : (ends[n - 1] ?? 0)
      this.#pending += 1
      this.#socket.send(bytes, start, (ends[n] ?? start) - start, this.#sent)
      if (this.#pending >= PENDING_MAX) await this.#until(PENDING_MAX / 2)
    }
    await this.#until(0)
  }

  async close(): Promise<void> {
    await this.#until(0)
    this.#socket.close()
    await once(this.#socket, 'close')
  }

  readonly #sent = (error: Error | null): void => {
    this.#pending -= 1
    if (error !== null) {
      this.failed += 1
      this.failure = errorText(error)
    }
    this.#wake?.()
  }

  async #until(most: number): Promise<void> {
    while (this.#pending > most) {
      await new Promise<void>((done) => {
        this.#wake = done
      })
    }
    this.#wake = undefined
  }
}

/** Opens a socket that sends to the target only. @throws {LogweirError} when its name is not known. */
export async function openUdp(target: SendTarget): Promise<Sender> {
  try {
    const { address, family } = await lookup(target.host)
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    socket.connect(target.port, address)
    await once(socket, 'connect')
    return new UdpSender(socket)
  } catch (error) {
    throw new LogweirError(
      'LW_SEND',
      `cannot send to ${target.shown}: ${errorText(error)}`,
      'check the address',
      {
        cause: error,
        exit: 1,
      },
    )
  }
}
