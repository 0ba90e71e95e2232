/**
 * A session with Cloud Director: which version of the API both know, and an access token for an API token, renewed once when
 * it ends in the middle of a reading.
 */
import { LogweirError } from '../base/errors.ts'
import { type Asked, type Http, type HttpAnswer, NoAnswer } from './http.ts'

/** API tokens are there since 36.1; what is above is not known yet. */
const VERSION_MIN = [36, 1] as const
const VERSION_MAX = [40, 99] as const
/** Bytes of a token or version that anybody would use. */
const TOKEN_MAX = 16_384

export interface SessionOptions {
  readonly http: Http
  /** For messages: scheme and host. */
  readonly shown: string
  readonly token: string
  /** Organisation whose token it is; null: the provider's. */
  readonly org: string | null
  /** A service account's token changes when it is used: called with the one that counts from now on. */
  readonly rotated: (token: string) => Promise<void>
}

export class Session {
  readonly version: string
  readonly #options: SessionOptions
  #token: string
  #access: Promise<string>
  #renewed = false

  private constructor(options: SessionOptions, version: string) {
    this.#options = options
    this.version = version
    this.#token = options.token
    this.#access = this.#login()
    // Whoever asks first sees it.
    this.#access.catch(() => undefined)
  }

  /** Negotiates the version and logs in. @throws {LogweirError} */
  static async open(options: SessionOptions): Promise<Session> {
    const answer = await tried(options, {
      method: 'GET',
      path: '/api/versions',
      headers: { accept: 'application/*' },
    })
    if (answer.status !== 200) throw refused(options.shown, `GET /api/versions answered ${answer.status}`)
    const session = new Session(options, chooseVersion(answer.text, options.shown))
    await session.#access
    return session
  }

  /** A JSON answer with status 200; the login is renewed once. @throws {LogweirError} */
  async get(path: string): Promise<HttpAnswer> {
    const { shown } = this.#options
    const access = this.#access
    let answer = await this.#get(path, await access)
    if (answer.status === 401) {
      // Of many requests at once the first renews, and all others wait for it.
      if (this.#access === access) this.#renew()
      answer = await this.#get(path, await this.#access)
      if (answer.status === 401) throw refused(shown, `GET ${path} answered 401 after a new login`)
    }
    if (answer.status === 403)
      throw refused(
        shown,
        `GET ${path.split('?')[0]} is forbidden${errorOf(answer.text)}`,
        'give the role of the token the rights to view organisations, Org VDCs, Data Center Groups and edge gateways',
      )
    if (answer.status !== 200)
      throw refused(shown, `GET ${path} answered ${answer.status}${errorOf(answer.text)}`)
    return answer
  }

  #get(path: string, access: string): Promise<HttpAnswer> {
    const accept = `application/json;version=${this.version}`
    return tried(this.#options, {
      method: 'GET',
      path,
      headers: { accept, authorization: `Bearer ${access}` },
    })
  }

  #renew(): void {
    const again = this.#renewed
    this.#renewed = true
    this.#access = again
      ? Promise.reject(refused(this.#options.shown, 'the login ended twice while the inventory was read'))
      : this.#login()
    this.#access.catch(() => undefined)
  }

  async #login(): Promise<string> {
    const { shown, org, rotated } = this.#options
    const path = org === null ? '/oauth/provider/token' : `/oauth/tenant/${encodeURIComponent(org)}/token`
    const answer = await tried(this.#options, {
      method: 'POST',
      path,
      headers: {
        accept: `application/*;version=${this.version}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: `grant_type=refresh_token&refresh_token=${encodeURIComponent(this.#token)}`,
    })
    if (answer.status !== 200)
      throw refused(
        shown,
        `the API token is not accepted: POST ${path} answered ${answer.status}`,
        'make an API token in Cloud Director (10.3.1 or later), and name it with `--token env:NAME` or `file:PATH`',
      )
    const { access_token, refresh_token } = jsonOf(answer.text)
    if (
      typeof access_token !== 'string' ||
      !/^[\x21-\x7e]+$/.test(access_token) ||
      access_token.length > TOKEN_MAX
    )
      throw refused(shown, `POST ${path} gave no access token`)
    if (typeof refresh_token === 'string' && refresh_token !== '' && refresh_token !== this.#token) {
      if (refresh_token.length > TOKEN_MAX) throw refused(shown, `POST ${path} gave no usable token`)
      this.#token = refresh_token
      await rotated(refresh_token)
    }
    return access_token
  }
}

/** The highest version that both know; a deprecated one where there is no other. */
export function chooseVersion(xml: string, shown: string): string {
  const found: { readonly text: string; readonly number: number; readonly deprecated: boolean }[] = []
  // Each `VersionInfo` ends where the next begins: no expression runs over more than one tag.
  for (const piece of xml.split('<VersionInfo').slice(1, 1000)) {
    const [head = ''] = piece.split('>', 1)
    const [, text = ''] = /<Version>\s*([0-9]{1,4}\.[0-9]{1,4})\s*<\/Version>/.exec(piece) ?? []
    if (text === '') continue
    const [major = 0, minor = 0] = text.split('.').map(Number)
    const number = major * 10_000 + minor
    const known =
      number >= VERSION_MIN[0] * 10_000 + VERSION_MIN[1] && number <= VERSION_MAX[0] * 10_000 + VERSION_MAX[1]
    if (known) found.push({ text, number, deprecated: /deprecated\s*=\s*["']true["']/.test(head) })
  }
  const current = found.filter(({ deprecated }) => !deprecated)
  const [best] = (current.length === 0 ? found : current).toSorted((a, b) => b.number - a.number)
  if (best !== undefined) return best.text
  throw refused(
    shown,
    `no version of its API is known here: ${VERSION_MIN.join('.')} to ${VERSION_MAX[0]} are`,
    'Cloud Director 10.3.1 or later has API tokens',
  )
}

/** A failure of the reading; nothing has changed. */
export function refused(shown: string, why: string, mend = 'nothing was changed; try again'): LogweirError {
  return new LogweirError('LW_INVENTORY', `${shown}: ${why}`, mend, { exit: 1 })
}

async function tried({ http, shown }: SessionOptions, asked: Asked): Promise<HttpAnswer> {
  try {
    return await http.ask(asked)
  } catch (error) {
    const why = error instanceof NoAnswer ? error.message : String(error)
    throw refused(shown, `${asked.method} ${asked.path.split('?')[0]}: ${why}`)
  }
}

function errorOf(text: string): string {
  const { minorErrorCode, message } = jsonOf(text)
  const words = [minorErrorCode, message].filter(
    (word): word is string => typeof word === 'string' && word !== '',
  )
  // What a server says is shown, but not what it could do to a terminal.
  return words.length === 0
    ? ''
    : `: ${words
        .join(': ')
        .replaceAll(/[^\x20-\x7e]+/g, ' ')
        .slice(0, 200)}`
}

function jsonOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
