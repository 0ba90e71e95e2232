/**
 * A way through an HTTP proxy (RFC 9110 section 9.3.6): CONNECT on a socket that is open already, then TLS with the
 * destination through it. Node reads the proxy's answer, bounded; nothing of the destination's is sent before it is yes.
 */
import { isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { nodeHttp, nodeTls } from '../base/late.ts'
import type { ForwarderTls } from '../rules/forwarder-settings.ts'
import { DialError } from './dial.ts'
import { quote } from './outcome.ts'
import { basic, type Proxy } from './proxy.ts'
import { inWords } from './status.ts'
import { fingerprintMismatch, tlsOptions } from './tls-context.ts'

const HEADERS_MAX = 16_384

export interface Passage {
  readonly proxy: Proxy
  readonly host: string
  readonly port: number
  readonly clock: Clock
  /** Milliseconds for the proxy's answer, and again for the handshake. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/**
 * Asks the proxy at the other end of `socket` for a connection to the destination. The socket is closed on failure.
 * @throws DialError
 */
export function openTunnel(socket: Socket, passage: Passage): Promise<Socket> {
  const { proxy, host, port, clock, timeout, signal } = passage
  const place = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    const fail = (why: string, lasting = false, cause?: unknown): void => {
      end()
      socket.on('error', ignore)
      asked.destroy()
      socket.destroy()
      reject(new DialError('proxy', `${proxy.host}:${proxy.port}: ${why}`, { lasting, cause }))
    }
    const onAbort = (): void => fail('stopped')
    const timer = clock.after(timeout, () => fail(`no answer within ${timeout} ms`))
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    }
    const asked = nodeHttp().request({
      method: 'CONNECT',
      path: place,
      headers: {
        host: place,
        ...(proxy.login === null ? {} : { 'proxy-authorization': basic(proxy.login) }),
      },
      createConnection: () => socket,
      maxHeaderSize: HEADERS_MAX,
    })
    asked.on('connect', (answer, _, head) => {
      const status = answer.statusCode ?? 0
      if (status >= 200 && status < 300) {
        end()
        asked.removeAllListeners()
        asked.on('error', ignore)
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
        return
      }
      // Bad credentials, and what the proxy's own rules forbid, stay so.
      const lasting = status === 407 || status === 401 || status === 403
      const words = status === 407 ? 'it wants other credentials' : 'it does not connect'
      fail(`${words}: answered ${status}${quote(answer.statusMessage ?? '')}`, lasting)
    })
    // Anything else than an answer to CONNECT: not a proxy.
    asked.on('response', (answer) => fail(`answered ${answer.statusCode ?? 0} as if it were no proxy`))
    asked.on('error', (error) => fail(inWords(error), false, error))
    signal.addEventListener('abort', onAbort, { once: true })
    asked.end()
  })
}

/**
 * TLS with the destination over an open tunnel.
 * @throws DialError
 */
export async function secure(socket: Socket, settings: ForwarderTls, passage: Passage): Promise<TLSSocket> {
  const { host, clock, timeout, signal } = passage
  let security
  try {
    security = await tlsOptions(settings, host)
  } catch (error) {
    socket.destroy()
    throw new DialError('certificates', inWords(error), { cause: error })
  }
  return new Promise((resolve, reject) => {
    const over = nodeTls().connect({ socket, ...security })
    const end = (why: string | null, cause?: unknown): void => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      over.removeListener('close', onClose)
      if (why !== null) over.on('error', ignore)
      over.removeListener('error', onError)
      if (why === null) return resolve(over)
      over.destroy()
      reject(new DialError('TLS handshake', `${host} through the proxy: ${why}`, { cause }))
    }
    const onError = (error: Error): void => end(inWords(error), error)
    const onClose = (): void => end('the connection was closed')
    const onAbort = (): void => end('stopped')
    const timer = clock.after(timeout, () => end(`no answer within ${timeout} ms`))
    signal.addEventListener('abort', onAbort, { once: true })
    over.on('error', onError)
    over.on('close', onClose)
    over.once('secureConnect', () => end(fingerprintMismatch(settings, over)))
  })
}

function ignore(): void {}
