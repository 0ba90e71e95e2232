/**
 * Cookies of one destination, for balancers that keep a client at one server by them: acknowledgements are known only to
 * the server that took the events. Names and values only, few and short; they never leave the destination's own origin,
 * because requests never do.
 */
const COUNT_MAX = 8
const PAIR_MAX = 1024
/** RFC 6265 section 4.1.1: a name and a value. */
const PAIR =
  /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)=([\u0021\u0023-\u002b\u002d-\u003a\u003c-\u005b\u005d-\u007e]*|"[\u0021\u0023-\u002b\u002d-\u003a\u003c-\u005b\u005d-\u007e]*")$/

export class Cookies {
  readonly #pairs = new Map<string, string>()

  /** The header to send, if there is anything in it. */
  get headers(): Readonly<Record<string, string>> {
    if (this.#pairs.size === 0) return {}
    return { cookie: [...this.#pairs].map(([name, value]) => `${name}=${value}`).join('; ') }
  }

  /** Takes `Set-Cookie` lines. */
  take(lines: readonly string[]): void {
    for (const line of lines) {
      const pair = line.slice(0, PAIR_MAX).split(';', 1)[0]?.trim() ?? ''
      const match = PAIR.exec(pair)
      if (match === null) continue
      const [, name = '', value = ''] = match
      if (value === '' || /;\s*max-age=0\s*(;|$)/i.test(line)) this.#pairs.delete(name)
      else if (this.#pairs.has(name) || this.#pairs.size < COUNT_MAX) this.#pairs.set(name, value)
    }
  }
}
