/**
 * Requests over undici: a pool a destination, connections made by the same dialler as syslog's (names by
 * c-ares, every address tried, certificates read at each connect, pins checked before a byte is sent). Nothing is
 * trusted of an answer: it is bounded in time and bytes, and redirects are not followed.
 */
import { Buffer } from 'node:buffer'
import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { Pool } from 'undici'
import { errorCode } from '../base/errors.ts'
import { dial, DialError } from './dial.ts'
import { exchange, NoAnswerError } from './http-exchange.ts'
import { compress } from './http-gzip.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import { outcomeOf, type Outcome } from './outcome.ts'
import { inWords } from './status.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

const BACKOFF = { kind: 'backoff' } as const

export interface HttpProfile {
  /** Headers of this type; the operator's own come on top. */
  readonly headers: Readonly<Record<string, string>>
  /** A 429 without Retry-After is a used-up quota. */
  readonly slow_quota: boolean
  /** Told the bytes of each body that was answered, as they went over the wire. */
  readonly wrote: (bytes: number) => void
}

export class HttpClient {
  readonly #forwarder: ForwarderTarget
  readonly #deps: ForwardDeps
  readonly #resolver: Resolver
  readonly #profile: HttpProfile
  readonly #url: URL
  readonly #path: string
  readonly #headers: Record<string, string>
  readonly #abort = new AbortController()
  #pool: Promise<Pool> | undefined
  /** Which of the name's addresses worked last. */
  #address = 0

  constructor(
    forwarder: ForwarderTarget,
    url: string,
    deps: ForwardDeps,
    resolver: Resolver,
    profile: HttpProfile,
  ) {
    this.#forwarder = forwarder
    this.#deps = deps
    this.#resolver = resolver
    this.#profile = profile
    this.#url = new URL(url)
    this.#path = this.#url.pathname + this.#url.search
    this.#headers = headersOf(forwarder.settings.http, profile)
    // One signal for all requests at hand: as many listeners as there is concurrency are no leak.
    setMaxListeners(0, this.#abort.signal)
  }

  /** Posts a body, which is the caller's again when this resolves. Never throws. */
  async post(body: Buffer): Promise<Outcome> {
    if (this.#abort.signal.aborted) return { kind: 'retry', why: 'stopped', wait: BACKOFF }
    try {
      return await this.#post(body)
    } catch (error) {
      return { kind: 'retry', why: this.#scrub(failureInWords(error)), wait: BACKOFF }
    }
  }

  /** Breaks off requests and connections. */
  async close(): Promise<void> {
    this.#abort.abort()
    const pool = await this.#pool?.catch(() => undefined)
    if (pool !== undefined && !pool.destroyed) await pool.destroy()
  }

  async #post(body: Buffer): Promise<Outcome> {
    const { http, timeout } = this.#forwarder.settings
    const pool = await (this.#pool ??= this.#makePool())
    // Never `body` itself: a destination may answer before it has read its request, and then the system still sends
    // from memory that its owner fills with another destination's events by now.
    const sent = http.gzip ? await compress(body) : Buffer.from(body)
    const answer = await exchange(
      pool,
      { method: 'POST', path: this.#path, headers: this.#headers, body: sent },
      timeout.connect + 2 * timeout.request,
    )
    this.#profile.wrote(sent.length)
    const { status, retry_after } = answer
    const text = this.#scrub(answer.text)
    return outcomeOf({ status, retry_after, text }, this.#profile.slow_quota, this.#deps.clock.wall())
  }

  /** undici costs 30 MB of memory: it is loaded when the first request is made. */
  async #makePool(): Promise<Pool> {
    const { Pool } = await import('undici')
    const { settings } = this.#forwarder
    return new Pool(this.#url.origin, {
      connections: Math.max(1, settings.concurrency),
      pipelining: 1,
      keepAliveTimeout: this.#deps.idle,
      keepAliveMaxTimeout: this.#deps.idle,
      headersTimeout: settings.timeout.request,
      bodyTimeout: settings.timeout.request,
      connect: (_, done) => void this.#connectFor(done),
    })
  }

  async #connectFor(done: (...args: [null, Socket] | [Error, null]) => void): Promise<void> {
    let socket: Socket
    try {
      socket = await this.#connect()
    } catch (error) {
      return done(error instanceof Error ? error : new Error(String(error)), null)
    }
    done(null, socket)
  }

  async #connect(): Promise<Socket> {
    const { settings } = this.#forwarder
    const tls = this.#url.protocol === 'https:'
    const port = this.#url.port === '' ? (tls ? 443 : 80) : Number(this.#url.port)
    const host = this.#url.hostname.replace(/^\[|\]$/g, '')
    const dialled = await dial({
      target: { scheme: tls ? 'tls' : 'tcp', host, port },
      settings,
      clock: this.#deps.clock,
      resolver: this.#resolver,
      signal: this.#abort.signal,
      first: this.#address,
    })
    this.#address = dialled.address
    return dialled.socket
  }

  /** R69: an answer may repeat what it was sent. */
  #scrub(text: string): string {
    const { token } = this.#forwarder.settings.http
    return token === null || token === '' ? text : text.replaceAll(token, '***')
  }
}

function headersOf(http: ForwarderSettings['http'], profile: HttpProfile): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ...profile.headers,
    ...http.headers,
  }
  if (http.token !== null) headers['authorization'] = `Bearer ${http.token}`
  if (http.gzip) headers['content-encoding'] = 'gzip'
  return headers
}

const WORDS: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no answer in time',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too long',
  UND_ERR_SOCKET: 'the other side closed the connection',
  UND_ERR_DESTROYED: 'stopped',
  UND_ERR_ABORTED: 'stopped',
  UND_ERR_CLOSED: 'stopped',
}

function failureInWords(error: unknown): string {
  if (error instanceof DialError) return `${error.step}: ${error.message}`
  const code = errorCode(error) ?? ''
  if (error instanceof NoAnswerError) return error.message
  if (error instanceof Error && error.name === 'HTTPParserError')
    return `the answer is not HTTP: ${error.message}`
  const words = WORDS[code]
  return words === undefined ? inWords(error) : `${words} (${code})`
}
