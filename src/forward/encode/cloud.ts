/**
 * Events as flat objects for Log Insight Cloud: `text` is the event as it came, `source` the
 * host; every other key becomes a field there, so names are lower-case words with `_`.
 */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { Fw, Grammar } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import type { EventReader } from './event-reader.ts'
import { eventTime } from './event-time.ts'
import { putAscii, putDigits } from './text.ts'

const TEXT = Buffer.from('{"text":"')
const SOURCE = Buffer.from('","source":"')
const APPNAME = Buffer.from('","appname":"')
const STAMP = Buffer.from('","log_timestamp":"')
const END = Buffer.from('"}')

/** Keys with their slot in the view's firewall fields. */
const FIELDS: readonly (readonly [Buffer, number])[] = [
  [Buffer.from('","action":"'), Fw.action],
  [Buffer.from('","rule_id":"'), Fw.rule_id],
  [Buffer.from('","direction":"'), Fw.direction],
  [Buffer.from('","protocol":"'), Fw.protocol],
  [Buffer.from('","source_ip":"'), Fw.source_ip],
  [Buffer.from('","source_port":"'), Fw.source_port],
  [Buffer.from('","destination_ip":"'), Fw.destination_ip],
  [Buffer.from('","destination_port":"'), Fw.destination_port],
]

/** 1 for bytes that stand for themselves in a JSON string. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f)
PLAIN[0x22] = 0
PLAIN[0x5c] = 0

/** Owners of a batch beyond this are not remembered, only made again. */
const OWNERS_MAX = 4096

export class CloudEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  /** What stream and owner add to an object, by their numbers. */
  readonly #owned = new Map<number, Buffer>()
  #names: BatchNames | undefined
  #last_key = -1
  #last_owned: Buffer = END

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const { buf } = view
    putKey(out, TEXT)
    putInner(out, buf, view.start, view.end)
    putKey(out, SOURCE)
    if (view.host_start >= 0) putInner(out, buf, view.host_start, view.host_end)
    else putAscii(out, view.peer)
    if (view.app_start >= 0) {
      putKey(out, APPNAME)
      putInner(out, buf, view.app_start, view.app_end)
    }
    out.putRaw(this.#ownedOf(batch, view.stream, batch.owner(n)))
    if (view.grammar !== Grammar.none) {
      const { fw } = view
      for (let i = 0; i < FIELDS.length; i += 1) {
        const [key, slot] = FIELDS[i] as readonly [Buffer, number]
        const start = fw[slot] as number
        if (start < 0) continue
        putKey(out, key)
        putInner(out, buf, start, fw[slot + 1] as number)
      }
    }
    putKey(out, STAMP)
    const ms = eventTime(view, batch, n)
    putDigits(out, ms > 0 ? ms : 0, ms < 1e13 ? 13 : 16)
    putKey(out, END)
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
  const found = names.owner(owner)
  const whose = found?.owner
  const fields: readonly (readonly [string, string | null | undefined])[] = [
    ['stream', names.stream(stream)],
    ['tenant', found?.tenant],
    ['org', whose?.org?.name ?? whose?.org?.id],
    ['org_id', whose?.org?.id],
    ['org_vdc', whose?.org_vdc?.name],
    ['org_vdc_id', whose?.org_vdc?.id],
    ['data_center_group', whose?.data_center_group?.name],
    ['data_center_group_id', whose?.data_center_group?.id],
    ['gateway', whose?.gateway?.name],
    ['gateway_id', whose?.gateway?.id],
  ]
  let text = '"'
  for (const [key, value] of fields) {
    if (value !== null && value !== undefined) text += `,"${key}":${JSON.stringify(value)}`
  }
  return Buffer.from(text.slice(0, -1))
}

/** A prepared key: a few bytes, for which a call into the runtime costs more than a loop. */
function putKey(out: JsonBuffer, key: Buffer): void {
  const count = key.length
  out.ensure(count)
  const { bytes } = out
  const from = out.length
  for (let i = 0; i < count; i += 1) bytes[from + i] = key[i] as number
  out.length = from + count
}

/** `source[start, end)` inside a JSON string that is open. What is plain ASCII, nearly all, is copied in one pass. */
function putInner(out: JsonBuffer, source: Buffer, start: number, end: number): void {
  out.ensure(end - start)
  const { bytes } = out
  let n = out.length
  for (let p = start; p < end; p += 1) {
    const c = source[p] as number
    if (PLAIN[c] === 0) return putRest(out, n, source, p, end)
    bytes[n++] = c
  }
  out.length = n
}

/** The same from the first byte on that is not plain. The quotes that `putUtf8` writes are taken away again. */
function putRest(out: JsonBuffer, n: number, source: Buffer, p: number, end: number): void {
  out.length = n
  const before = n === 0 ? 0 : (out.bytes[n - 1] as number)
  out.length = n === 0 ? 0 : n - 1
  out.putUtf8(source, p, end)
  if (n > 0) out.bytes[n - 1] = before
  out.length -= 1
}
