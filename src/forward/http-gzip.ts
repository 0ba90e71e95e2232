/**
 * Compression of request bodies, off the event loop. zlib's state (270 KiB) is what a body costs most when it is
 * made anew each time: in page faults, and in collections that memory outside V8's heap brings on. So it is made a
 * few times and used again.
 */
import type { Buffer } from 'node:buffer'
import { constants, createGzip, type Gzip } from 'node:zlib'

/** Compressors that are not in use, of all destinations of the thread, at most. */
const KEPT_MAX = 4

/**
 * Every write is a whole gzip member. Members lie in chunks of this size one behind the other: their memory is never
 * written again, so a socket may hold it for as long as it likes. What is compressed is read, not waited for, so the
 * stream must not stop at its own high-water mark.
 */
const OPTIONS = {
  level: 1,
  memLevel: 9,
  chunkSize: 131_072,
  flush: constants.Z_FINISH,
  readableHighWaterMark: 2 ** 30,
}

/** The types know it of deflate only, which gzip is. */
type Compressor = Gzip & { reset(): void }

const kept: Compressor[] = []

/** `body` as one gzip member (RFC 1952). `body` must stay as it is until this settles, and is free then. */
export function compress(body: Buffer): Promise<Buffer> {
  const gzip = kept.pop() ?? (createGzip(OPTIONS) as Compressor)
  return new Promise((resolve, reject) => {
    gzip.once('error', reject)
    gzip.write(body, (error) => {
      // A stream that failed destroys itself.
      if (error) return
      gzip.removeListener('error', reject)
      const member = gzip.read() as Buffer
      if (kept.length < KEPT_MAX) {
        gzip.reset()
        kept.push(gzip)
      } else gzip.close()
      resolve(member)
    })
  })
}
