/**
 * How a batch lies in its row: as it is, compressed, encrypted, or both. Compressed first, because what is encrypted
 * does not shrink. What a row says about itself (forwarder, number, events, length, form) is authenticated with it:
 * a row that was moved to another place is no row.
 */
import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { freeBytes } from '../queue/memory.ts'
import type { SpoolKey } from './keys.ts'

/** Bits of {@link StoredRow.form}. Stored: never renumber. */
export const RowForm = { plain: 0, zstd: 1, encrypted: 2 } as const

/** Measured: `docs/decisions.md`, "Compression of the spool". */
export const ZSTD_LEVEL = 1
/** Smaller batches are not worth the call. */
const COMPRESS_MIN = 512
/** A batch that does not shrink to this part of itself is stored as it is. */
const WORTH = 0.9
/** No batch is larger: what a damaged row says about its length must not decide how much memory is taken. */
const RAW_MAX = 256 * 1024 * 1024
const NONCE = 12
const TAG = 16
const FORM_LAST = 3
/** Above what is expected: with no byte left zlib takes a second buffer as large as the first. */
const SPARE = 64

export interface RowPlace {
  /** Of the forwarder. */
  readonly key: string
  readonly sequence: number
  readonly events: number
  /** Bytes of the batch. */
  readonly raw: number
}

export interface StoredRow {
  readonly form: number
  readonly key_id: string | null
  readonly bytes: Uint8Array
}

/** The row is encrypted, and its key is not among those that are known. The whole file is: nothing of it can be read. */
export class UnknownSpoolKey extends Error {
  readonly code = 'LW_SPOOL_KEY'
  readonly key_id: string

  constructor(key_id: string) {
    super(`it is encrypted with the key ${key_id}, which \`spool.key_file\` does not hold`)
    this.name = 'UnknownSpoolKey'
    this.key_id = key_id
  }
}

export class RowCodec {
  readonly #keys: ReadonlyMap<string, SpoolKey>
  readonly #compress: boolean
  /** What new rows are encrypted with. */
  readonly current: SpoolKey | undefined

  /** The first key is the current one; without any nothing is encrypted. */
  constructor(keys: readonly SpoolKey[] = [], compress = false) {
    this.current = keys[0]
    this.#keys = new Map(keys.map((key) => [key.id, key]))
    this.#compress = compress
  }

  /** Whether a row under this key can be read; null: it is not encrypted. */
  knows(key_id: string | null): boolean {
    return key_id === null || this.#keys.has(key_id)
  }

  /** What it gives is the batch itself, or bytes to be given to {@link freeScratch} when they are written. */
  encode(place: RowPlace, batch: ArrayBuffer): StoredRow {
    let form: number = RowForm.plain
    let bytes: Uint8Array = new Uint8Array(batch)
    if (this.#compress && bytes.length >= COMPRESS_MIN) {
      const packed = zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
        pledgedSrcSize: bytes.length,
        chunkSize: chunkOf(bytes.length * WORTH),
      })
      if (packed.length <= bytes.length * WORTH) {
        form |= RowForm.zstd
        bytes = packed
      } else freeScratch(packed)
    }
    if (this.current === undefined) return { form, key_id: null, bytes }
    form |= RowForm.encrypted
    const sealed = seal(this.current, named(place, form), bytes)
    if (bytes.buffer !== batch) freeScratch(bytes)
    return { form, key_id: this.current.id, bytes: sealed }
  }

  /**
   * The batch of a row, maybe in the row's own buffer; undefined when the row is damaged.
   * @throws {UnknownSpoolKey} when it cannot be told.
   */
  decode(place: RowPlace, stored: StoredRow): ArrayBuffer | undefined {
    const { form, key_id } = stored
    if (!Number.isInteger(form) || form < 0 || form > FORM_LAST || place.raw > RAW_MAX) return undefined
    let bytes: Uint8Array | undefined = stored.bytes
    if ((form & RowForm.encrypted) !== 0) {
      const key = this.#keys.get(key_id ?? '')
      if (key === undefined) throw new UnknownSpoolKey(key_id ?? 'of no name')
      bytes = unseal(key, named(place, form), bytes)
    }
    if (bytes !== undefined && (form & RowForm.zstd) !== 0) {
      const packed = bytes
      bytes = unpack(packed, place.raw)
      if (packed !== stored.bytes) freeScratch(packed)
    }
    return bytes === undefined ? undefined : owned(bytes, stored.bytes)
  }
}

/**
 * Gives the memory back of bytes that nobody needs any more and that have a buffer of their own: what SQLite, zlib and
 * the ciphers give. The collector of this thread, which makes few objects, would come for it a hundred megabytes later.
 */
export function freeScratch(bytes: Uint8Array): void {
  // What is small lies in a buffer with others.
  if (bytes.buffer.byteLength !== Buffer.poolSize) freeBytes(bytes.buffer)
}

/** Bytes of a buffer that takes what comes in one piece. */
function chunkOf(bytes: number): number {
  const chunk = Math.max(1024, Math.ceil(bytes) + SPARE)
  return chunk === Buffer.poolSize ? chunk + 1 : chunk
}

function unpack(bytes: Uint8Array, raw: number): Uint8Array | undefined {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, raw), chunkSize: chunkOf(raw) })
  } catch {
    return undefined
  }
}

/** Nonce, tag, what was encrypted. A random nonce of 96 bits: one key lasts for 2^32 batches (NIST SP 800-38D §8.3). */
function seal(key: SpoolKey, name: Buffer, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce)
  cipher.setAAD(name)
  const body = cipher.update(bytes)
  cipher.final()
  const sealed = Buffer.concat([nonce, cipher.getAuthTag(), body])
  freeScratch(body)
  return sealed
}

function unseal(key: SpoolKey, name: Buffer, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < NONCE + TAG) return undefined
  const open = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(0, NONCE), { authTagLength: TAG })
  open.setAAD(name)
  open.setAuthTag(bytes.subarray(NONCE, NONCE + TAG))
  const body = open.update(bytes.subarray(NONCE + TAG))
  try {
    open.final()
  } catch {
    return undefined
  }
  return body
}

function named({ key, sequence, events, raw }: RowPlace, form: number): Buffer {
  return Buffer.from(`logweir spool 1\0${form}\0${sequence}\0${events}\0${raw}\0${key}`)
}

/** In a buffer of its own, which can be given to another thread. */
function owned(bytes: Uint8Array, stored: Uint8Array): ArrayBuffer {
  const whole = bytes.byteOffset === 0 && bytes.buffer.byteLength === bytes.byteLength
  if (whole && bytes.buffer instanceof ArrayBuffer) return bytes.buffer
  const copy = new Uint8Array(bytes).buffer
  if (bytes !== stored) freeScratch(bytes)
  return copy
}
