/**
 * Paths with `{tenant}` and `{date}`: which file an event belongs into, and a batch apart by files. A tenant's name
 * becomes a part of a path only in a form that leads nowhere else, whatever it holds.
 */
import { Buffer } from 'node:buffer'
import { JsonBuffer } from '../base/json-buffer.ts'
import type { Batch, BatchNames } from '../queue/batch.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { NOBODY } from './encode/per-owner.ts'

const DAY_MS = 86_400_000
/** What a Date can hold. */
const DAY_MAX = 100_000_000
const PATHS_MAX = 4096
const NAME_MAX = 200

/** Bytes of events, each with its line end, by the file they belong into. */
export interface Apart {
  readonly parts: ReadonlyMap<string, Buffer>
  /** Events that could not be expressed and are in none. */
  readonly unencodable: number
}

export class FilePaths {
  readonly #pattern: string
  /** By owner, then by day. */
  readonly #known = new Map<string, string>()
  #names: BatchNames | undefined
  #last_owner = -1
  #last_day = Number.NaN
  #last = ''

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  /** Where event `n` belongs: the day is the one it was received on, in UTC. */
  pathOf(batch: Batch, n: number): string {
    const owner = batch.owner(n)
    const day = Math.floor(batch.received_at(n) / DAY_MS)
    if (batch.names === this.#names && owner === this.#last_owner && day === this.#last_day) return this.#last
    if (batch.names !== this.#names) {
      this.#names = batch.names
      this.#known.clear()
    }
    const key = `${owner} ${day}`
    let path = this.#known.get(key)
    if (path === undefined) {
      path = this.#pattern
        .replaceAll('{tenant}', () => safeName(batch.names.owner(owner)?.tenant ?? NOBODY))
        .replaceAll('{date}', () => dateOf(day))
      if (this.#known.size >= PATHS_MAX) this.#known.clear()
      this.#known.set(key, path)
    }
    this.#last_owner = owner
    this.#last_day = day
    this.#last = path
    return path
  }

  /** A batch as lines, by file, in their order. */
  encode(batch: Batch, encoder: BatchEncoder): Apart {
    const open = new Map<string, JsonBuffer>()
    let unencodable = 0
    for (let n = 0; n < batch.events; n += 1) {
      const path = this.pathOf(batch, n)
      let out = open.get(path)
      if (out === undefined) {
        out = new JsonBuffer(4096)
        open.set(path, out)
      }
      if (!encoder.put(out, batch, n)) unencodable += 1
    }
    const parts = new Map<string, Buffer>()
    for (const [path, out] of open) if (out.length > 0) parts.set(path, out.written())
    return { parts, unencodable }
  }
}

function dateOf(day: number): string {
  return new Date((Math.abs(day) <= DAY_MAX ? day : 0) * DAY_MS).toISOString().slice(0, -14)
}

/** As one part of a path: everything that is no letter, digit, `_`, `-` or inner dot as `%XX`. */
export function safeName(name: string): string {
  let escaped = ''
  for (const [i, byte] of Buffer.from(name).entries()) {
    const c = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9_-]/.test(c) || (c === '.' && i > 0)
    escaped += plain ? c : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped === '' ? '%' : escaped.slice(0, NAME_MAX)
}
