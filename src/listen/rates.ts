/** Events a second from one peer: a token bucket that holds one second's worth. */

export interface Bucket {
  tokens: number
  /** Monotonic milliseconds of the last refill. */
  filled_at: number
}

/** A full bucket for a peer first seen `now`. */
export function newBucket(rate_max: number, now: number): Bucket {
  return { tokens: rate_max, filled_at: now }
}

/** Takes one event out of the bucket. False: the peer is over its rate. */
export function takeToken(bucket: Bucket, rate_max: number, now: number): boolean {
  if (bucket.tokens < 1) {
    const refill = ((now - bucket.filled_at) * rate_max) / 1000
    bucket.tokens = Math.min(rate_max, bucket.tokens + refill)
    bucket.filled_at = now
    if (bucket.tokens < 1) return false
  }
  bucket.tokens -= 1
  return true
}
