/** RELP: each message is counted as sent when the receiver has answered for it. */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { LogweirError } from '../../base/errors.ts'
import {
  clientOffers,
  nextTxnr,
  openObjection,
  RelpCommand,
  relpFrame,
  writeNumber,
} from '../../relp/frames.ts'
import { RelpReader } from '../../relp/reader.ts'
import type { Pack } from './messages.ts'
import type { Sender } from './sender.ts'
import { connectTo, type SendTls } from './stream.ts'
import type { SendTarget } from './target.ts'

/** Messages that wait for an answer at most, and how many are written at once. */
const WINDOW = 1024
const AT_ONCE = 128
/** How long the receiver may answer nothing. A full one may take its time. */
const ANSWER_MS = 90_000
const ANSWER_MAX = 4096
const AROUND = 32
const WORD = Buffer.from(' syslog ')

class RelpSender implements Sender {
  failed = 0
  failure: string | null = null
  readonly #socket: Socket
  readonly #shown: string
  #next = 2
  #waiting = 0
  #opened = false
  #broken: LogweirError | undefined
  #changed = Promise.withResolvers<void>()
  #ending = false

  constructor(socket: Socket, shown: string) {
    this.#socket = socket
    this.#shown = shown
    const reader = new RelpReader(ANSWER_MAX, {
      relp: (txnr, command, buf, start, end) => this.#heard(txnr, command, buf.toString('utf8', start, end)),
      fault: () => this.#broke('what it says is no RELP'),
    })
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      this.#tell()
    })
    socket.on('error', (error) => this.#broke(error.message))
    socket.on('end', () => this.#broke('the peer closed it'))
    socket.on('close', () => this.#broke('the peer closed it'))
  }

  async open(): Promise<this> {
    this.#socket.write(relpFrame(1, 'open', clientOffers()))
    await this.#until(() => this.#opened)
    return this
  }

  async send(pack: Pack, first: number, last: number): Promise<void> {
    for (let n = first; n < last; n += AT_ONCE) {
      const to = Math.min(last, n + AT_ONCE)
      await this.#until(() => this.#waiting + (to - n) <= WINDOW && !this.#socket.writableNeedDrain)
      this.#socket.write(this.#frames(pack, n, to))
    }
  }

  async close(): Promise<void> {
    await this.#until(() => this.#waiting === 0)
    this.#ending = true
    const gone = new Promise<void>((done) => this.#socket.once('close', () => done()))
    this.#socket.end(relpFrame(this.#next, 'close', ''))
    const handle = setTimeout(() => this.#socket.destroy(), 2000)
    await gone
    clearTimeout(handle)
  }

  #frames({ bytes, ends }: Pack, first: number, last: number): Buffer {
    const from = first === 0 ? 0 : (ends[first - 1] ?? 0)
    const out = Buffer.allocUnsafe((ends[last - 1] ?? 0) - from + (last - first) * AROUND)
    let at = 0
    let start = from
    for (let n = first; n < last; n += 1) {
      const end = ends[n] ?? 0
      at = writeNumber(out, at, this.#next)
      at += WORD.copy(out, at)
      at = writeNumber(out, at, end - start)
      if (end > start) {
        out[at++] = 0x20
        out.set(bytes.subarray(start, end), at)
        at += end - start
      }
      out[at++] = 0x0a
      this.#next = nextTxnr(this.#next)
      this.#waiting += 1
      start = end
    }
    return out.subarray(0, at)
  }

  #heard(txnr: number, command: RelpCommand, text: string): void {
    // All was answered; what comes now is the goodbye.
    if (this.#ending) return
    if (command === RelpCommand.serverclose) return this.#broke('the receiver ended the session')
    if (command !== RelpCommand.rsp) return
    if (!this.#opened) {
      const objection = txnr === 1 ? openObjection(text) : 'its first answer is not to `open`'
      if (objection === null) this.#opened = true
      else this.#broke(objection)
      return
    }
    if (this.#waiting > 0) this.#waiting -= 1
    if (text.startsWith('200')) return
    this.failed += 1
    this.failure = `the receiver refused it: ${text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?')}`
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }

  /** Waits until it holds. @throws {LogweirError} when the connection breaks, or nothing is heard for long. */
  async #until(holds: () => boolean): Promise<void> {
    while (this.#broken === undefined && !holds()) {
      const drained = (): void => this.#tell()
      this.#socket.once('drain', drained)
      const late = setTimeout(() => this.#broke(`nothing was answered for ${ANSWER_MS / 1000} s`), ANSWER_MS)
      await this.#changed.promise
      clearTimeout(late)
      this.#socket.off('drain', drained)
    }
    if (this.#broken !== undefined) throw this.#broken
  }

  #broke(why: string): void {
    if (this.#broken !== undefined || this.#ending) return
    const unanswered = this.#waiting === 0 ? '' : `; ${this.#waiting} messages were not acknowledged`
    this.#broken = new LogweirError(
      'LW_SEND',
      `the connection to ${this.#shown} broke: ${why}${unanswered}`,
      "the receiver's log says why",
      { exit: 1 },
    )
    this.#socket.destroy()
    this.#tell()
  }
}

/** Connects and opens a session. @throws {LogweirError} when that fails, saying why. */
export async function openRelp(target: SendTarget, tls: SendTls): Promise<Sender> {
  return new RelpSender(await connectTo(target, tls), target.shown).open()
}
