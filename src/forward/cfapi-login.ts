/**
 * How a CFAPI destination proves who it is: a session of a user (up to 9.0 and later), or an agent's secret that is
 * exchanged for a token (from 9.1 on). An exchange gives a new secret; it is kept in the data folder, since the one in the
 * configuration may be good only once.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CfapiOptions, Login } from '../rules/forwarder-settings.ts'
import { safeName } from './file-paths.ts'
import type { HttpClient } from './http-client.ts'
import { isAnswer } from './http-sender.ts'
import { parsed } from './json-answer.ts'
import { type Outcome, outcomeOf, whyOf } from './outcome.ts'
import { inWords } from './status.ts'
import type { ForwardDeps, ForwarderTarget } from './types.ts'

const ANSWER_MAX = 16_384
/** A session is renewed before its end: this part of its time is used. */
const USED_PART = 0.9
/** What is asked for: half an hour, the default of both generations. */
const TTL_MS = 1_800_000
const TTL_MIN_MS = 10_000
const SECRET_FILE_MAX = 16_384

/** What `Authorization` to send, or why there is none. */
export type LoggedIn = { readonly authorization: string } | Exclude<Outcome, { kind: 'delivered' }>

export class CfapiLogin {
  readonly #client: HttpClient
  readonly #deps: ForwardDeps
  readonly #login: Login | null
  readonly #options: CfapiOptions
  readonly #file: string | null
  #authorization: string | null = null
  #until = 0
  #at_work: Promise<LoggedIn> | undefined

  constructor(
    client: HttpClient,
    { key, settings }: ForwarderTarget,
    options: CfapiOptions,
    deps: ForwardDeps,
  ) {
    this.#client = client
    this.#deps = deps
    this.#login = settings.http.login
    this.#options = options
    const [tenant = '', name = ''] = key.split('/')
    this.#file =
      deps.secrets === undefined ? null : join(deps.secrets, safeName(tenant), `${safeName(name)}.json`)
  }

  /** A session that is good, made anew when it must be; several requests share the making. */
  get(): Promise<LoggedIn> {
    if (this.#authorization !== null && this.#deps.clock.monotonic() < this.#until)
      return Promise.resolve({ authorization: this.#authorization })
    this.#at_work ??= this.#make().finally(() => {
      this.#at_work = undefined
    })
    return this.#at_work
  }

  /** The server does not know it any more. */
  forget(authorization: string): void {
    if (this.#authorization === authorization) this.#authorization = null
  }

  #make(): Promise<LoggedIn> {
    return this.#options.agent_secret === null ? this.#session() : this.#exchange(this.#options.agent_secret)
  }

  async #session(): Promise<LoggedIn> {
    const { username = '', password = '' } = this.#login ?? {}
    const body = Buffer.from(JSON.stringify({ username, password, provider: this.#options.provider }))
    const got = await this.#client.post({
      path: '/api/v1/sessions',
      body,
      events: false,
      whole_max: ANSWER_MAX,
    })
    if (!isAnswer(got)) return got
    const said = got.status >= 200 && got.status < 300 ? parsed(got.text) : null
    const id = said?.['sessionId']
    // `ttl` is in seconds here.
    if (typeof id === 'string') return this.#keep(id, Number(said?.['ttl']) * 1000)
    return refusal(got, 'log-in', this.#deps.clock.wall())
  }

  async #exchange(configured: string): Promise<LoggedIn> {
    const stored = await this.#stored(configured)
    let got = await this.#exchangeOne(stored ?? configured)
    if (isAnswer(got) && (got.status === 401 || got.status === 403)) {
      // Another worker may have exchanged it meanwhile, or an operator may have put the configured one in force again.
      const again = await this.#stored(configured)
      const other = again !== stored ? again : stored === null ? null : configured
      if (other !== null) got = await this.#exchangeOne(other)
    }
    if (!isAnswer(got)) return got
    const said = got.status >= 200 && got.status < 300 ? parsed(got.text) : null
    const token = said?.['access_token']
    if (typeof token !== 'string')
      return refusal(got, 'exchange of the agent secret', this.#deps.clock.wall())
    const next = said?.['new_secret']
    if (typeof next === 'string' && next !== '') await this.#store(configured, next)
    return this.#keep(token, Number(said?.['ttl']))
  }

  #exchangeOne(secret: string): ReturnType<HttpClient['post']> {
    const body = Buffer.from(JSON.stringify({ secret, ttl: TTL_MS }))
    return this.#client.post({
      path: '/api/v2/agent/secrets/exchange',
      body,
      events: false,
      whole_max: ANSWER_MAX,
    })
  }

  #keep(token: string, ttl: number): LoggedIn {
    if (/[^\u0021-\u007e]/.test(token) || token.length > ANSWER_MAX)
      return { kind: 'paused', why: 'the session that the server gave is no token' }
    const lasts = Number.isFinite(ttl) && ttl > 0 ? ttl : TTL_MS
    this.#until = this.#deps.clock.monotonic() + Math.max(TTL_MIN_MS, lasts * USED_PART)
    this.#authorization = `Bearer ${token}`
    return { authorization: this.#authorization }
  }

  /** The secret that the last exchange gave for this configured one; null: there is none. */
  async #stored(configured: string): Promise<string | null> {
    if (this.#file === null) return null
    try {
      const kept = parsed((await readFile(this.#file, 'utf8')).slice(0, SECRET_FILE_MAX))
      const secret = kept?.['secret']
      return kept?.['of'] === digest(configured) && typeof secret === 'string' ? secret : null
    } catch {
      return null
    }
  }

  /** On disk before it is used: the old one may be worth nothing from now on. */
  async #store(configured: string, secret: string): Promise<void> {
    if (this.#file === null) return
    const temporary = `${this.#file}.${process.pid}.new`
    try {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
      const handle = await open(temporary, 'w', 0o600)
      try {
        await handle.writeFile(JSON.stringify({ of: digest(configured), secret }))
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, this.#file)
    } catch (error) {
      this.#deps.log.error({ file: this.#file }, `cannot keep the new agent secret: ${inWords(error)}`)
    }
  }
}

function digest(text: string): string {
  return createHash('sha256').update(`logweir agent secret ${text}`).digest('hex')
}

function refusal(
  answer: Parameters<typeof outcomeOf>[0],
  what: string,
  wall: number,
): Exclude<LoggedIn, { authorization: string }> {
  const outcome = outcomeOf(answer, false, wall)
  if (outcome.kind === 'retry') return { ...outcome, why: `${what}: ${outcome.why}` }
  return { kind: 'paused', why: `${what}: ${whyOf(answer)}` }
}
