/** The body of one request: gathered as it comes, within bounds, and inflated. */
import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { constants, gunzip, inflate, inflateRaw } from 'node:zlib'
import { errorCode } from '../../base/errors.ts'

const FIRST_BYTES = 16_384
/** What a client may send on behind its answer, beyond a body's length, before its connection is ended. */
const THROWN_MORE = 1_048_576
const INFLATE_CHUNK = 131_072

/** Memory of all bodies that are on their way, as an account. */
export class BodyBudget {
  readonly #max: number
  #used = 0

  constructor(max: number) {
    this.#max = max
  }

  get used(): number {
    return this.#used
  }

  /** Charges `bytes`; false, with nothing charged, when they do not fit. One body always fits. */
  charge(bytes: number): boolean {
    if (this.#used > 0 && this.#used + bytes > this.#max) return false
    this.#used += bytes
    return true
  }

  release(bytes: number): void {
    this.#used -= bytes
  }
}

export type Gathered =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  /** Larger than `body_max`; larger than what all bodies may have; the client went away. */
  | { readonly kind: 'too_large' | 'no_memory' | 'gone' }

/**
 * Reads a body whose memory follows what has come, never what was announced. It is charged to `budget` until `free` is
 * called. What comes behind a refusal is thrown away, and the connection ended when it is much.
 */
export class BodyReader {
  readonly #request: IncomingMessage
  readonly #budget: BodyBudget
  readonly #max: number
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  #charged = 0
  #thrown = 0
  #settle: ((gathered: Gathered) => void) | undefined

  constructor(request: IncomingMessage, budget: BodyBudget, max: number) {
    this.#request = request
    this.#budget = budget
    this.#max = max
  }

  /** Settles with the body, or with why there is none. Never rejects. */
  read(): Promise<Gathered> {
    const request = this.#request
    return new Promise((resolve) => {
      this.#settle = resolve
      request.on('data', (chunk: Buffer) => this.#take(chunk))
      request.on('end', () => this.#end({ kind: 'body', bytes: this.#bytes.subarray(0, this.#length) }))
      request.on('close', () => this.#end({ kind: 'gone' }))
      request.on('error', () => this.#end({ kind: 'gone' }))
      if (Number(request.headers['content-length'] ?? 0) > this.#max) this.#end({ kind: 'too_large' })
    })
  }

  /** The bytes are done with. Safe twice. */
  free(): void {
    this.#budget.release(this.#charged)
    this.#charged = 0
    this.#bytes = Buffer.alloc(0)
  }

  #take(chunk: Buffer): void {
    if (this.#settle === undefined) {
      // A client that does not stop: it had its answer.
      this.#thrown += chunk.length
      if (this.#thrown > this.#max + THROWN_MORE) this.#request.destroy()
      return
    }
    const need = this.#length + chunk.length
    if (need > this.#max) return this.#end({ kind: 'too_large' })
    if (need > this.#bytes.length && !this.#grow(need)) return this.#end({ kind: 'no_memory' })
    chunk.copy(this.#bytes, this.#length)
    this.#length = need
  }

  #grow(need: number): boolean {
    const announced = Number(this.#request.headers['content-length'] ?? this.#max)
    const size = Math.max(need, Math.min(Math.max(FIRST_BYTES, this.#bytes.length * 2), announced, this.#max))
    if (!this.#budget.charge(size - this.#charged)) return false
    this.#charged = size
    const grown = Buffer.allocUnsafeSlow(size)
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
    return true
  }

  #end(gathered: Gathered): void {
    const settle = this.#settle
    if (settle === undefined) return
    this.#settle = undefined
    if (gathered.kind !== 'body') this.free()
    settle(gathered)
  }
}

export type Inflated =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' | 'unknown' }
  | { readonly kind: 'broken'; readonly why: string }

/**
 * The body without its content coding. A bomb is cut at `max`: nothing beyond that is ever in memory. Never rejects.
 */
export function decode(bytes: Buffer, encoding: string | undefined, max: number): Promise<Inflated> {
  const coding = (encoding ?? '').trim().toLowerCase()
  if (coding === '' || coding === 'identity') return Promise.resolve({ kind: 'body', bytes })
  const act = coding === 'gzip' || coding === 'x-gzip' ? gunzip : deflateOf(coding, bytes)
  if (act === undefined) return Promise.resolve({ kind: 'unknown' })
  const options = {
    maxOutputLength: max,
    chunkSize: Math.min(INFLATE_CHUNK, Math.max(4096, bytes.length * 8)),
    finishFlush: constants.Z_FINISH,
  }
  return new Promise((resolve) => {
    act(bytes, options, (error, plain) => {
      if (error === null) resolve({ kind: 'body', bytes: plain })
      else if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') resolve({ kind: 'too_large' })
      else resolve({ kind: 'broken', why: error.message })
    })
  })
}

/** RFC 9110 says zlib's form; some clients send the bare one. */
function deflateOf(coding: string, bytes: Buffer): typeof inflate | undefined {
  if (coding !== 'deflate') return undefined
  const head = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
  return ((bytes[0] ?? 0) & 15) === 8 && head % 31 === 0 ? inflate : inflateRaw
}
