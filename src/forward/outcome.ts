/**
 * What an HTTP answer means for the events that were sent (R57). Pure. The cause
 * decides, not the class: 400, 413 and 422 speak of the events; other 4xx speak of us or the address, and
 * dropping events would not mend them.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  /** Taken, but not yet said to be safe: what becomes of it comes later. */
  | { readonly kind: 'accepted'; readonly confirmed: Promise<Confirmed> }
  /** Each event was answered by itself: those named here were not taken, all others were. */
  | {
      readonly kind: 'items'
      readonly why: string
      readonly refused: readonly Refused[]
      /** Numbers in the request, rising: the same may be taken later. */
      readonly later: readonly number[]
      readonly wait: Wait
    }
  | Retry
  /** Something about the events themselves; `at` is the number in the request of the one to blame, where it is said. */
  | { readonly kind: 'events'; readonly why: string; readonly too_large: boolean; readonly at?: number }
  | Paused

/** Not taken now; the same may be taken later. */
export interface Retry {
  readonly kind: 'retry'
  readonly why: string
  readonly wait: Wait
}

/** Nothing will be taken until a person mends something. */
export interface Paused {
  readonly kind: 'paused'
  readonly why: string
}

/** What became of a request that was accepted before. */
export type Confirmed = { readonly kind: 'delivered' } | Retry | Paused

/** An event that is not wanted, by its number in the request. */
export interface Refused {
  readonly n: number
  readonly why: string
}

/** How long to wait before the next try. */
export type Wait =
  | { readonly kind: 'backoff' }
  /** The destination named a time, in milliseconds; already bounded. */
  | { readonly kind: 'named'; readonly ms: number }
  /** A used-up quota: a minute at least, growing to ten. */
  | { readonly kind: 'slow' }

export interface Answer {
  readonly status: number
  readonly retry_after: string | undefined
  /** The body as far as it is kept. */
  readonly text: string
  /** All of the body is in `text`. */
  readonly whole?: boolean
  /** `Set-Cookie` lines. */
  readonly cookies?: readonly string[]
}

/** R57: nobody makes us wait longer than this. */
const RETRY_AFTER_MAX_MS = 300_000
const TEXT_MAX = 160
export const BACKOFF: Wait = { kind: 'backoff' }

/** `slow_quota`: what a 429 without Retry-After means here is a used-up quota. `wall` is the time now. */
export function outcomeOf(answer: Answer, slow_quota: boolean, wall: number): Outcome {
  const { status } = answer
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  const why = whyOf(answer)
  if (status === 400 || status === 413 || status === 422)
    return { kind: 'events', why, too_large: status === 413 }
  if (isLater(status)) return { kind: 'retry', why, wait: waitOf(answer, slow_quota, wall) }
  if (status >= 300 && status < 400) return { kind: 'paused', why: `${why}; redirects are not followed` }
  return { kind: 'paused', why }
}

/** Statuses that say "not now": the same request may be taken later. 501 and 505 will say the same for ever. */
export function isLater(status: number): boolean {
  if (status === 501 || status === 505) return false
  return status === 408 || status === 425 || status === 429 || status === 440 || status >= 500
}

/** How long an answer asks to wait. */
export function waitOf(answer: Answer, slow_quota: boolean, wall: number): Wait {
  const named = retryAfter(answer.retry_after, wall)
  if (named !== null) return { kind: 'named', ms: named }
  return answer.status === 429 && slow_quota ? { kind: 'slow' } : BACKOFF
}

/** An answer in words, for messages. */
export function whyOf(answer: Answer): string {
  return `answered ${answer.status}${quote(answer.text)}`
}

/** Retry-After as seconds or an HTTP date (RFC 9110 section 10.2.3) in bounded milliseconds; null when there is none. */
export function retryAfter(text: string | undefined, wall: number): number | null {
  if (text === undefined || text.length > 64) return null
  const trimmed = text.trim()
  if (/^[0-9]{1,10}$/.test(trimmed)) return Math.min(Number(trimmed) * 1000, RETRY_AFTER_MAX_MS)
  const at = /^[A-Z][a-z]{2,8},? /.test(trimmed) ? Date.parse(trimmed) : Number.NaN
  if (Number.isNaN(at)) return null
  return Math.min(Math.max(at - wall, 0), RETRY_AFTER_MAX_MS)
}

/** The first of a text that a destination wrote, on one line, in quotes; empty when there is none. */
export function quote(text: string): string {
  let line = ''
  for (const c of text.slice(0, TEXT_MAX)) line += c < ' ' || c === '\u007f' ? ' ' : c
  line = line.trim()
  return line === '' ? '' : ` "${line}"`
}
