/**
 * GET and POST to one Cloud Director over undici: through a proxy where there is one, with a private CA where it is named.
 * Every answer is bounded in bytes and time, redirects are not followed, and what may pass is asked again a few times.
 */
import { Buffer } from 'node:buffer'
import { getCACertificates } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { errorCode, errorText } from '../base/errors.ts'
import { type Dispatcher, Pool, ProxyAgent } from 'undici'
import { basic, type Proxy } from '../forward/proxy.ts'

/** Bytes of one answer: a page of 128 objects has about 200 KB. */
const ANSWER_MAX = 16 * 2 ** 20
/** Tries of one request that something passing keeps from being answered. */
const TRIES = 4
const WAIT_FIRST_MS = 200
/** What an answer may ask us to wait. */
const WAIT_MAX_MS = 30_000

export interface HttpOptions {
  readonly url: URL
  /** PEM of authorities to believe beside the system's; null: none. */
  readonly ca: string | null
  readonly proxy: Proxy | null
  readonly clock: Clock
  /** Connections at once. */
  readonly connections: number
  /** Milliseconds for one answer. */
  readonly timeout: number
  /** Ends everything. */
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Asked {
  readonly method: 'GET' | 'POST'
  /** With query; from the root of the server. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** What kept an answer from coming; `message` holds no secret. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

export class Http {
  readonly #options: HttpOptions
  readonly #dispatcher: Dispatcher

  constructor(options: HttpOptions) {
    this.#options = options
    const { url, ca, proxy, connections, timeout } = options
    const trust = ca === null ? {} : { ca: [...getCACertificates('default'), ca] }
    const bounds = {
      connections,
      pipelining: 1,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxResponseSize: ANSWER_MAX,
    }
    this.#dispatcher =
      proxy === null
        ? new Pool(url.origin, { ...bounds, connect: { timeout, ...trust } })
        : new ProxyAgent({
            ...bounds,
            uri: `${proxy.secure ? 'https' : 'http'}://${hostText(proxy.host)}:${proxy.port}`,
            ...(proxy.login === null ? {} : { token: basic(proxy.login) }),
            requestTls: { timeout, ...trust },
            proxyTls: { timeout, ...trust },
          })
  }

  /** The answer, whatever its status. @throws {NoAnswer} when there is none after a few tries. */
  async ask(asked: Asked): Promise<HttpAnswer> {
    for (let tried = 1; ; tried++) {
      let why: string
      let wait = WAIT_FIRST_MS * 4 ** (tried - 1)
      try {
        const answer = await this.#once(asked)
        if (!passes(answer.status) || tried === TRIES) return answer
        why = `answered ${answer.status}`
        wait = retryAfter(answer.headers['retry-after']) ?? wait
      } catch (error) {
        why = inWords(error)
        if (this.#options.signal.aborted || tried === TRIES || lasts(error))
          throw new NoAnswer(why, { cause: error })
      }
      await this.#wait(Math.min(wait, WAIT_MAX_MS), why)
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }

  async #once({ method, path, headers, body }: Asked): Promise<HttpAnswer> {
    const { url, timeout, signal } = this.#options
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
    const answer = await this.#dispatcher.request({
      origin: url.origin,
      path,
      method,
      headers,
      signal: limit,
      ...(body === undefined ? {} : { body }),
    })
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > ANSWER_MAX) throw new Error(`the answer is longer than ${ANSWER_MAX} bytes`)
      chunks.push(chunk)
    }
    return { status: answer.statusCode, headers: answer.headers, text: Buffer.concat(chunks).toString() }
  }

  #wait(ms: number, why: string): Promise<void> {
    const { clock, signal } = this.#options
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        timer.cancel()
        reject(new NoAnswer(why))
      }
      const timer = clock.after(ms, () => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
  }
}

function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function passes(status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

/** Milliseconds of a `Retry-After` in seconds. */
function retryAfter(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^[0-9]{1,6}$/.test(value) ? Number(value) * 1000 : undefined
}

/** A certificate that is not believed, or a proxy that refuses, stays so. */
function lasts(error: unknown): boolean {
  const code = errorCode(error) ?? ''
  return (
    /CERT|SIGNATURE|SELF_SIGNED|ALTNAME|UND_ERR_RES_EXCEEDED/.test(code) || /\b407\b/.test(errorText(error))
  )
}

function inWords(error: unknown): string {
  // A tunnel that the proxy refuses is an abort of undici's own, with words.
  const timed =
    error instanceof DOMException && (error.name === 'TimeoutError' || error.name === 'AbortError')
  if (timed) return 'no answer in time'
  const code = errorCode(error)
  return code === undefined ? errorText(error) : `${errorText(error)} (${code})`
}
