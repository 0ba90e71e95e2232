/**
 * Values to hashes that say nothing of them without the key: HMAC-SHA-256, cut. Equal values of one scope have equal
 * hashes, so that events can still be counted and joined; another scope (another tenant) has other hashes for the same
 * values, so that two tenants cannot compare notes, nor one find out by sending events what another's hashes mean.
 */
import { Buffer } from 'node:buffer'
import { createHmac, hash } from 'node:crypto'

/** Bytes of a hash that are used: collisions are expected after about 2⁴⁰ values. */
export const HASH_BYTES = 10
/** Values that are remembered: the same hosts and addresses come again and again. */
const SLOTS = 32_768
const VALUE_MAX = 48

/** Bytes that SHA-256 takes at once, and that HMAC's two keys fill (RFC 2104 §2). */
const BLOCK = 64
const DIGEST = 32

/** Shared by all scopes of the thread. */
const kept_scope = new Int32Array(SLOTS)
const kept_length = new Uint8Array(SLOTS)
const kept_value = Buffer.alloc(SLOTS * VALUE_MAX)
const kept_hash = Buffer.alloc(SLOTS * HASH_BYTES)
let scopes = 0

export class KeyedHash {
  /** The two keys, each with what is hashed behind it: made for every value anew, HMAC would cost five times as much. */
  readonly #inner: Buffer = Buffer.alloc(BLOCK + VALUE_MAX)
  readonly #outer: Buffer = Buffer.alloc(BLOCK + DIGEST)
  readonly #scope: number
  /** The last hash: the first {@link HASH_BYTES} bytes, good until the next. */
  readonly out: Buffer = Buffer.alloc(HASH_BYTES)

  /** `master`: the key of all scopes. */
  constructor(master: string, scope: string) {
    const key = createHmac('sha256', master).update(`logweir redaction\n${scope}`).digest()
    for (let at = 0; at < BLOCK; at++) {
      this.#inner[at] = (key[at] ?? 0) ^ 0x36
      this.#outer[at] = (key[at] ?? 0) ^ 0x5c
    }
    scopes += 1
    this.#scope = scopes
  }

  /** The hash of `buf[start, end)`, in {@link out}. */
  of(buf: Uint8Array, start: number, end: number): Buffer {
    const length = end - start
    if (length > VALUE_MAX) return this.#make(buf, start, end)
    let mixed = Math.imul(this.#scope, 0x9e3779b1)
    for (let at = start; at < end; at++) mixed = Math.imul(mixed ^ (buf[at] as number), 0x01000193)
    const slot = (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
    if (this.#knows(slot, buf, start, length)) {
      kept_hash.copy(this.out, 0, slot * HASH_BYTES, (slot + 1) * HASH_BYTES)
      return this.out
    }
    this.#make(buf, start, end)
    kept_scope[slot] = this.#scope
    kept_length[slot] = length
    for (let at = 0; at < length; at++) kept_value[slot * VALUE_MAX + at] = buf[start + at] as number
    this.out.copy(kept_hash, slot * HASH_BYTES)
    return this.out
  }

  #knows(slot: number, buf: Uint8Array, start: number, length: number): boolean {
    if (kept_scope[slot] !== this.#scope || kept_length[slot] !== length) return false
    const from = slot * VALUE_MAX
    for (let at = 0; at < length; at++) if (kept_value[from + at] !== buf[start + at]) return false
    return true
  }

  #make(buf: Uint8Array, start: number, end: number): Buffer {
    const value = buf.subarray(start, end)
    let inner = this.#inner
    if (value.length <= VALUE_MAX) inner.set(value, BLOCK)
    else inner = Buffer.concat([inner.subarray(0, BLOCK), value])
    hash('sha256', inner.subarray(0, BLOCK + value.length), 'buffer').copy(this.#outer, BLOCK)
    hash('sha256', this.#outer, 'buffer').copy(this.out, 0, 0, HASH_BYTES)
    return this.out
  }
}
