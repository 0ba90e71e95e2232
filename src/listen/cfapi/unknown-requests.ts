/**
 * Requests for paths that nobody documents (the agents' own: hello, status, configuration): the last few are kept, so
 * that an operator can read what an agent asks for. What authenticates is not kept, and nothing of it goes anywhere else.
 */
import type { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

/** Bytes of a body that are kept. */
export const FIRST_BYTES = 512
const KEPT_MAX = 32
/** New ones that are told of in so many milliseconds: as many as are kept. */
const TOLD_MS = 3_600_000
const HEADERS_MAX = 24
const VALUE_MAX = 256
const SECRET = /authorization|cookie|token|secret|password|api[-_]?key/i

export interface UnknownRequest {
  readonly method: string
  readonly path: string
  readonly peer: string
  readonly headers: Readonly<Record<string, string>>
  /** Of the body, as text; what is not printable ASCII is a dot. */
  readonly first: string
  /** Wall milliseconds of the first and the last one of this method and path. */
  readonly at: number
  readonly last_at: number
  readonly times: number
}

export class UnknownRequests {
  /** By method and path, the one longest unseen first. */
  readonly #kept = new Map<string, UnknownRequest>()
  #told = 0
  #told_since = 0

  /**
   * Keeps it; true: this method and path were not kept already, and not so many others were told of lately (a client
   * that makes up paths writes no log). `now` is a stamp, `monotonic` its time for waiting.
   */
  note(request: IncomingMessage, peer: string, first: Buffer, now: number, monotonic: number): boolean {
    const { method = '', url = '' } = request
    const path = url.slice(0, VALUE_MAX)
    const key = `${method} ${path.split('?')[0] ?? ''}`
    const known = this.#kept.get(key)
    this.#kept.delete(key)
    if (known === undefined && this.#kept.size >= KEPT_MAX) {
      const [oldest] = this.#kept.keys()
      if (oldest !== undefined) this.#kept.delete(oldest)
    }
    this.#kept.set(key, {
      method,
      path,
      peer,
      headers: headersOf(request),
      first: printable(first),
      at: known?.at ?? now,
      last_at: now,
      times: (known?.times ?? 0) + 1,
    })
    if (known !== undefined) return false
    if (monotonic - this.#told_since >= TOLD_MS) {
      this.#told_since = monotonic
      this.#told = 0
    }
    this.#told += 1
    return this.#told <= KEPT_MAX
  }

  list(): UnknownRequest[] {
    return [...this.#kept.values()]
  }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers).slice(0, HEADERS_MAX)) {
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '')
    kept[name.slice(0, VALUE_MAX)] = SECRET.test(name) ? '***' : text.slice(0, VALUE_MAX)
  }
  return kept
}

function printable(bytes: Buffer): string {
  let text = ''
  for (const c of bytes.subarray(0, FIRST_BYTES)) text += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : '.'
  return text
}
