/**
 * What an HTTP answer means for the events that were sent (R57). Pure. The cause
 * decides, not the class: 400, 413 and 422 speak of the events; other 4xx speak of us or the address, and
 * dropping events would not mend them.
 */
export type Outcome =
  | { readonly kind: 'delivered' }
  /** Not taken now; the same may be taken later. */
  | { readonly kind: 'retry'; readonly why: string; readonly wait: Wait }
  /** Something about the events themselves. */
  | { readonly kind: 'events'; readonly why: string; readonly too_large: boolean }
  /** Nothing will be taken until a person mends something. */
  | { readonly kind: 'paused'; readonly why: string }

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
  /** First bytes of the body, for the message only. */
  readonly text: string
}

/** R57: nobody makes us wait longer than this. */
const RETRY_AFTER_MAX_MS = 300_000
const TEXT_MAX = 160
const BACKOFF: Wait = { kind: 'backoff' }

/** `slow_quota`: what a 429 without Retry-After means here is a used-up quota. `wall` is the time now. */
export function outcomeOf(answer: Answer, slow_quota: boolean, wall: number): Outcome {
  const { status } = answer
  if (status >= 200 && status < 300) return { kind: 'delivered' }
  const why = `answered ${status}${quote(answer.text)}`
  if (status === 400 || status === 413 || status === 422)
    return { kind: 'events', why, too_large: status === 413 }
  const named = retryAfter(answer.retry_after, wall)
  if (status === 408 || status === 425 || status === 429 || status === 440 || status >= 500) {
    if (named !== null) return { kind: 'retry', why, wait: { kind: 'named', ms: named } }
    return { kind: 'retry', why, wait: status === 429 && slow_quota ? { kind: 'slow' } : BACKOFF }
  }
  if (status >= 300 && status < 400) return { kind: 'paused', why: `${why}; redirects are not followed` }
  return { kind: 'paused', why }
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

/** The first of an answer's text on one line, in quotes; empty when there is none. */
function quote(text: string): string {
  let line = ''
  for (const c of text.slice(0, TEXT_MAX)) line += c < ' ' || c === '\u007f' ? ' ' : c
  line = line.trim()
  return line === '' ? '' : ` "${line}"`
}
