/**
 * Requests over undici: a pool a destination, connections made by the same dialler as syslog's (names by
 * c-ares, every address tried, certificates read at each connect, pins checked before a byte is sent), through a proxy
 * where there is one. Nothing is trusted of an answer: it is bounded in time and bytes, and redirects are not followed.
 */
import { Buffer } from 'node:buffer'
import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { Pool } from 'undici'
import { errorCode } from '../base/errors.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import { CertificateEnds } from './certificate-end.ts'
import { dial, DialError, type DialOptions } from './dial.ts'
import { exchange, NoAnswerError } from './http-exchange.ts'
import { compress } from './http-gzip.ts'
import { type Answer, BACKOFF, type Paused, type Retry } from './outcome.ts'
import { HttpSecrets } from './http-secrets.ts'
import { NameWatch } from './name-watch.ts'
import { PemWatch } from './pem-watch.ts'
import { basic, hostOf, portOf, type Proxy, proxyFor } from './proxy.ts'
import { inWords } from './status.ts'
import { openTunnel, secure } from './tunnel.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

export interface HttpProfile {
  /** Headers of this type; the operator's own come on top. */
  readonly headers: Readonly<Record<string, string>>
  /** What stands before the token in `Authorization`. */
  readonly scheme: 'Bearer' | 'Splunk' | 'ApiKey'
  /** A login is sent with every request; else the type makes something of it. */
  readonly basic: boolean
  /** Connections beside those of `concurrency`, for requests that carry no events. */
  readonly connections: number
}

export interface HttpRequest {
  /** Path and query. */
  readonly path: string
  readonly body: Buffer
  /** The body is packed, and counted in `logweir_forwarder_bytes_total` once answered. */
  readonly events: boolean
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes of the answer that are wanted whole; 0: its beginning is enough. */
  readonly whole_max: number
}

export class HttpClient {
  readonly #settings: ForwarderSettings
  readonly #deps: ForwardDeps
  readonly #resolver: Resolver
  readonly #profile: HttpProfile
  readonly #url: URL
  readonly #headers: Record<string, string>
  readonly #wrote: (bytes: number) => void
  readonly #secrets: HttpSecrets
  readonly #abort = new AbortController()
  #pool: Promise<Pool> | undefined
  /** Pools that end, with what is on its way over them. */
  readonly #retired = new Set<Promise<Pool>>()
  readonly #watch: PemWatch
  readonly #names: NameWatch
  readonly #ends: CertificateEnds
  #proxy: Proxy | null = null
  /** Which of the name's addresses worked last. */
  #address = 0

  /** `url` says where requests go: scheme, host and port of it. `wrote` is told the bytes of answered requests. */
  constructor(
    forwarder: ForwarderTarget,
    url: URL,
    deps: ForwardDeps,
    resolver: Resolver,
    profile: HttpProfile,
    wrote: (bytes: number) => void,
  ) {
    this.#settings = forwarder.settings
    this.#deps = deps
    this.#resolver = resolver
    this.#profile = profile
    this.#url = url
    this.#wrote = wrote
    this.#watch = new PemWatch(this.#settings.tls, hostOf(url), deps.clock, (why) => {
      deps.log.warn({ forwarder: forwarder.key }, `forwarder ${forwarder.key}: ${why}`)
    })
    this.#names = new NameWatch(resolver, deps.clock)
    this.#ends = new CertificateEnds(forwarder.key, this.#settings.tls.fingerprint !== null, deps)
    this.#headers = headersOf(this.#settings.http, profile)
    this.#secrets = new HttpSecrets(this.#settings.http)
    // One signal for all requests at hand: as many listeners as there is concurrency are no leak.
    setMaxListeners(0, this.#abort.signal)
  }

  get closed(): boolean {
    return this.#abort.signal.aborted
  }

  /**
   * A body as it goes over the wire. Never `body` itself: a destination may answer before it has read its request, and
   * then the system still sends from memory that its owner fills with another destination's events by now.
   */
  pack(body: Buffer): Promise<Buffer> {
    return this.#settings.http.gzip ? compress(body) : Promise.resolve(Buffer.from(body))
  }

  /** Posts and waits for the answer; says what kept it from coming. Never throws. */
  async post(request: HttpRequest): Promise<Answer | Retry | Paused> {
    if (this.closed) return { kind: 'retry', why: 'stopped', wait: BACKOFF }
    try {
      const answer = await this.#post(request)
      return { ...answer, text: this.#secrets.scrub(answer.text) }
    } catch (error) {
      const why = this.#secrets.scrub(failureInWords(error))
      if (error instanceof DialError && error.lasting) return { kind: 'paused', why }
      return { kind: 'retry', why, wait: BACKOFF }
    }
  }

  /** Breaks off requests and connections. */
  async close(): Promise<void> {
    this.#abort.abort()
    for (const made of [this.#pool, ...this.#retired]) {
      const pool = await made?.catch(() => undefined)
      if (pool !== undefined && !pool.destroyed) await pool.destroy()
    }
  }

  /** Lets a pool end by itself. */
  async #retire(pool: Promise<Pool>): Promise<void> {
    this.#retired.add(pool)
    try {
      await (await pool).close()
    } catch {
      // Destroyed meanwhile, or never made.
    }
    this.#retired.delete(pool)
  }

  async #post(request: HttpRequest): Promise<Answer> {
    const { http, timeout } = this.#settings
    const pool = await this.#poolOf()
    const headers = { ...this.#headers, ...request.headers }
    if (request.events && http.gzip) headers['content-encoding'] = 'gzip'
    const answer = await exchange(
      pool,
      { method: 'POST', path: this.#pathOf(request.path, headers), headers, body: request.body },
      { time: timeout.connect + 2 * timeout.request, whole_max: request.whole_max },
    )
    if (request.events) this.#wrote(request.body.length)
    return answer
  }

  /** To a proxy that is not tunnelled through goes the whole URL (RFC 9112 section 3.2.2), and who we are. */
  #pathOf(path: string, headers: Record<string, string>): string {
    const proxy = this.#proxy
    if (proxy === null || this.#url.protocol === 'https:') return path
    if (proxy.login !== null) headers['proxy-authorization'] = basic(proxy.login)
    return `${this.#url.origin}${path}`
  }

  /** One that could not be made is made anew with the next request. */
  #poolOf(): Promise<Pool> {
    this.#watch.look()
    this.#names.look()
    if (this.#watch.changed || (this.#names.changed && this.#pool !== undefined)) {
      // What is on its way ends on the old connections.
      if (this.#pool !== undefined) void this.#retire(this.#pool)
      this.#pool = undefined
    }
    this.#pool ??= this.#makePool().catch((error: unknown) => {
      this.#pool = undefined
      throw error
    })
    return this.#pool
  }

  /** undici costs 30 MB of memory: it is loaded when the first request is made. */
  async #makePool(): Promise<Pool> {
    await this.#watch.mark()
    const { Pool } = await import('undici')
    const settings = this.#settings
    try {
      this.#proxy = proxyFor(settings.http.proxy, this.#url, this.#deps.env)
    } catch (error) {
      throw new DialError('proxy', inWords(error), { cause: error, lasting: true })
    }
    // One of the environment has secrets too.
    this.#secrets.addLogin(this.#proxy?.login ?? null)
    return new Pool(this.#url.origin, {
      connections: Math.max(1, settings.concurrency) + this.#profile.connections,
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
      socket = await (this.#proxy === null ? this.#connect() : this.#connectThrough(this.#proxy))
    } catch (error) {
      return done(error instanceof Error ? error : new Error(String(error)), null)
    }
    done(null, socket)
  }

  #connect(): Promise<Socket> {
    const scheme = this.#url.protocol === 'https:' ? 'tls' : 'tcp'
    const target = { scheme, host: hostOf(this.#url), port: portOf(this.#url) }
    return this.#dial(target, this.#settings, { onSecure: this.#ends.seen, refuses: this.#deps.refuses })
  }

  async #connectThrough(proxy: Proxy): Promise<Socket> {
    const { timeout } = this.#settings
    const tls = { ca: proxy.ca, certificate: null, key: null, fingerprint: null, server_name: null }
    const target = { scheme: proxy.secure ? 'tls' : 'tcp', host: proxy.host, port: proxy.port }
    let socket: Socket
    try {
      // Where the proxy stands is the operator's word.
      socket = await this.#dial(target, { ...this.#settings, tls }, {})
    } catch (error) {
      if (error instanceof DialError)
        throw new DialError('proxy', `${error.step}: ${error.message}`, { cause: error })
      throw error
    }
    if (this.#url.protocol !== 'https:') return socket
    const passage = {
      proxy,
      host: hostOf(this.#url),
      port: portOf(this.#url),
      clock: this.#deps.clock,
      timeout: timeout.connect,
      signal: this.#abort.signal,
    }
    const over = await secure(await openTunnel(socket, passage), this.#settings.tls, passage)
    this.#ends.seen(over)
    return over
  }

  async #dial(
    target: { scheme: string; host: string; port: number },
    settings: ForwarderSettings,
    checks: Pick<DialOptions, 'onSecure' | 'refuses'>,
  ): Promise<Socket> {
    const dialled = await dial({
      target,
      settings,
      clock: this.#deps.clock,
      resolver: this.#resolver,
      signal: this.#abort.signal,
      first: this.#address,
      ...checks,
    })
    this.#address = dialled.at
    this.#names.connected(dialled.host, dialled.address)
    return dialled.socket
  }
}

function headersOf(http: ForwarderSettings['http'], profile: HttpProfile): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': 'application/json', ...profile.headers }
  // Names in lower case: an operator's `Content-Type` takes the place of ours instead of standing beside it.
  for (const [name, value] of Object.entries(http.headers)) headers[name.toLowerCase()] = value
  if (http.token !== null) headers['authorization'] = `${profile.scheme} ${http.token}`
  if (http.login !== null && profile.basic) headers['authorization'] = basic(http.login)
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
