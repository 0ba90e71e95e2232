/** R69: an answer may repeat what it was sent, and what it says stands in messages. */
import type { HttpOptions, Login } from '../rules/forwarder-settings.ts'
import { basic } from './proxy.ts'

/** Shorter ones would turn every message into stars. */
const SECRET_MIN = 4
/** Of the values of headers, most of which are words and no secrets. */
const HEADER_MIN = 8

export class HttpSecrets {
  readonly #known = new Set<string>()

  constructor(http: HttpOptions) {
    this.#add(http.token ?? '')
    this.#add(http.cfapi?.agent_secret ?? '')
    // A header may carry a key; which ones do is not known here.
    for (const value of Object.values(http.headers)) if (value.length >= HEADER_MIN) this.#add(value)
    this.addLogin(http.login)
    if (typeof http.proxy === 'object') this.addLogin(http.proxy?.login ?? null)
  }

  addLogin(login: Login | null): void {
    if (login === null) return
    this.#add(login.password)
    this.#add(basic(login).slice('Basic '.length))
  }

  /** The text without any of them. */
  scrub(text: string): string {
    let clean = text
    for (const secret of this.#known) clean = clean.replaceAll(secret, '***')
    return clean
  }

  #add(secret: string): void {
    if (secret.length >= SECRET_MIN) this.#known.add(secret)
  }
}
