/** A TCP or TLS connection: framed messages, the peer's pace, and an end that lets the peer read everything. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { errorCode, errorText, LogweirError } from '../../base/errors.ts'
import { frame, type Pack } from './messages.ts'
import type { Sender } from './sender.ts'
import type { SendTarget } from './target.ts'

const CONNECT_MS = 10_000
/** Milliseconds that the peer gets to close after us. */
const CLOSE_MS = 5000
/** Messages written at once: their bytes are copied, and memory stays small. */
const AT_ONCE = 512

export interface SendTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly insecure: boolean
}

class StreamSender implements Sender {
  readonly failed = 0
  readonly failure = null
  readonly #socket: Socket
  readonly #counted: boolean
  readonly #shown: string
  #broken: LogweirError | undefined
  #ending = false
  /** Rejects when the connection breaks. */
  readonly #break = Promise.withResolvers<never>()

  constructor(socket: Socket, counted: boolean, shown: string) {
    this.#socket = socket
    this.#counted = counted
    this.#shown = shown
    this.#break.promise.catch(() => undefined)
    socket.on('error', (error) => this.#broke(errorText(error)))
    socket.on('end', () => this.#broke('the peer closed it'))
    socket.on('close', () => this.#broke('the peer closed it'))
    // What the peer says is not read by anyone, but must be taken for its end to be seen.
    socket.resume()
  }

  async send(pack: Pack, first: number, last: number): Promise<void> {
    for (let n = first; n < last; n += AT_ONCE) {
      this.#check()
      const bytes = frame(pack, n, Math.min(last, n + AT_ONCE), this.#counted)
      if (!this.#socket.write(bytes)) await Promise.race([once(this.#socket, 'drain'), this.#break.promise])
    }
  }

  async close(): Promise<void> {
    this.#check()
    this.#ending = true
    const socket = this.#socket
    const gone = new Promise<'gone'>((done) => {
      socket.once('end', () => done('gone'))
      socket.once('close', () => done('gone'))
    })
    socket.end()
    const timer = Promise.withResolvers<'late'>()
    const handle = setTimeout(() => timer.resolve('late'), CLOSE_MS)
    await Promise.race([gone, timer.promise])
    clearTimeout(handle)
    socket.destroy()
    this.#check()
  }

  #check(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  /** An error is one at any time; the peer's end only while we still have something to say. */
  #broke(why: string): void {
    if (this.#broken !== undefined || (this.#ending && why === 'the peer closed it')) return
    this.#broken = new LogweirError(
      'LW_SEND',
      `the connection to ${this.#shown} broke: ${why}`,
      "the receiver's log says why; what was under way may be lost",
      { exit: 1 },
    )
    this.#break.reject(this.#broken)
  }
}

/** Connects. @throws {LogweirError} when that fails, saying why. */
export async function openStream(target: SendTarget, counted: boolean, tls: SendTls): Promise<Sender> {
  return new StreamSender(await connectTo(target, tls), counted, target.shown)
}

/** A connection, with TLS where the scheme says so. @throws {LogweirError} when that fails, saying why. */
export async function connectTo(target: SendTarget, tls: SendTls): Promise<Socket> {
  const secure = target.scheme.endsWith('tls')
  const options = { host: target.host, port: target.port, allowHalfOpen: true, noDelay: true }
  let socket: Socket
  if (!secure) socket = connectTcp(options)
  else {
    socket = connectTls({
      ...options,
      ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
      ...pem('ca', tls.ca),
      ...pem('cert', tls.cert),
      ...pem('key', tls.key),
      rejectUnauthorized: !tls.insecure,
    })
  }
  const limit = setTimeout(() => socket.destroy(new Error('no answer within 10 seconds')), CONNECT_MS)
  try {
    await once(socket, secure ? 'secureConnect' : 'connect')
  } catch (error) {
    throw unconnected(target, error)
  } finally {
    clearTimeout(limit)
  }
  return socket
}

/** A PEM file as an option of TLS. */
export function pem(key: 'ca' | 'cert' | 'key', file: string | undefined): Record<string, string> {
  if (file === undefined) return {}
  try {
    return { [key]: readFileSync(file, 'utf8') }
  } catch (error) {
    throw new LogweirError('LW_SEND', `cannot read --${key} ${file}: ${errorText(error)}`, 'name a PEM file')
  }
}

function unconnected(target: SendTarget, error: unknown): LogweirError {
  const code = errorCode(error) ?? ''
  const untrusted = /CERT|SIGNATURE|ISSUER|ALTNAME/.test(code)
  const why = code === 'ECONNREFUSED' ? 'nothing listens there' : errorText(error)
  return new LogweirError(
    'LW_SEND',
    `cannot connect to ${target.shown}: ${why}`,
    untrusted ? 'give its authority with `--ca FILE`' : 'check the address, and that the receiver runs',
    { cause: error, exit: 1 },
  )
}
