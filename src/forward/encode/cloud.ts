/**
 * Events as flat objects for Log Insight Cloud: `text` is the event as it came, `source` the
 * host; every other key becomes a field there, so names are lower-case words with `_`.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { Fw, Grammar } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { ownerFields } from './owner-fields.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { putAscii, putDigits } from './text.ts'

const TEXT = new JsonPiece('{"text":"')
const SOURCE = new JsonPiece('","source":"')
const APPNAME = new JsonPiece('","appname":"')
const STAMP = new JsonPiece('","log_timestamp":"')
const NOTHING = Buffer.alloc(0)
const END = new JsonPiece('"}')

/** Keys with their slot in the view's firewall fields. */
const FIELDS: readonly (readonly [JsonPiece, number])[] = [
  [new JsonPiece('","action":"'), Fw.action],
  [new JsonPiece('","rule_id":"'), Fw.rule_id],
  [new JsonPiece('","direction":"'), Fw.direction],
  [new JsonPiece('","protocol":"'), Fw.protocol],
  [new JsonPiece('","source_ip":"'), Fw.source_ip],
  [new JsonPiece('","source_port":"'), Fw.source_port],
  [new JsonPiece('","destination_ip":"'), Fw.destination_ip],
  [new JsonPiece('","destination_port":"'), Fw.destination_port],
]

const KEYS = FIELDS.map(([key]) => key)
const SLOTS = Int32Array.from(FIELDS, ([, slot]) => slot)

/** Owners of a batch beyond this are not remembered, only made again. */
const OWNERS_MAX = 4096

export class CloudEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  /** What stream and owner add to an object, by their numbers. */
  readonly #owned = new Map<number, Buffer>()
  #names: BatchNames | undefined
  #last_key = -1
  #last_owned: Buffer = NOTHING

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const { buf } = view
    out.putPiece(TEXT)
    const plain = out.putInner(buf, view.start, view.end)
    if (view.host_start >= 0) putSpan(out, plain, SOURCE, buf, view.host_start, view.host_end)
    else {
      out.putPiece(SOURCE)
      putAscii(out, view.peer)
    }
    if (view.app_start >= 0) putSpan(out, plain, APPNAME, buf, view.app_start, view.app_end)
    out.putRaw(this.#ownedOf(batch, view.stream, batch.owner(n)))
    if (view.grammar !== Grammar.none) {
      const { fw } = view
      for (let i = 0; i < KEYS.length; i += 1) {
        const slot = SLOTS[i] as number
        const start = fw[slot] as number
        if (start >= 0) putSpan(out, plain, KEYS[i] as JsonPiece, buf, start, fw[slot + 1] as number)
      }
    }
    out.putPiece(STAMP)
    const ms = eventTime(view, batch, n)
    putDigits(out, ms > 0 ? ms : 0, ms < 1e13 ? 13 : 16)
    out.putPiece(END)
    return true
  }

  #ownedOf(batch: Batch, stream: number, owner: number): Buffer {
    if (batch.names !== this.#names) {
      this.#names = batch.names
      this.#owned.clear()
      this.#last_key = -1
    }
    const key = owner * 65_536 + stream
    if (key === this.#last_key) return this.#last_owned
    let owned = this.#owned.get(key)
    if (owned === undefined) {
      owned = describe(batch.names, stream, owner)
      if (this.#owned.size < OWNERS_MAX) this.#owned.set(key, owned)
    }
    this.#last_key = key
    this.#last_owned = owned
    return owned
  }
}

/** `","stream":"…","tenant":"…`, without what is not known; open at both ends. */
function describe(names: BatchNames, stream: number, owner: number): Buffer {
  let text = '"'
  for (const [key, value] of ownerFields(names, stream, owner)) text += `,"${key}":${JSON.stringify(value)}`
  return Buffer.from(text.slice(0, -1))
}

/** A key and a span of an event whose text is written already: `plain` says that nothing of it needs escaping. */
function putSpan(
  out: JsonBuffer,
  plain: boolean,
  key: JsonPiece,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (plain) return out.putSame(key, source, start, end)
  out.putPiece(key)
  out.putInner(source, start, end)
}
