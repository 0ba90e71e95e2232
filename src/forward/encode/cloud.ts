/**
 * Events as flat objects for Log Insight Cloud: `text` is the event as it came, `source` the
 * host; every other key becomes a field there, so names are lower-case words with `_`.
 */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { Fw, Grammar, type EventView } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import type { EventReader } from './event-reader.ts'
import { eventTime } from './event-time.ts'
import { putDigits } from './text.ts'

const TEXT = Buffer.from('{"text":')
const SOURCE = Buffer.from(',"source":')
const APPNAME = Buffer.from(',"appname":')
const STAMP = Buffer.from(',"log_timestamp":"')
const END = Buffer.from('"}')

/** Keys with their slot in the view's firewall fields. */
const FIELDS: readonly (readonly [Buffer, number])[] = [
  [Buffer.from(',"action":'), Fw.action],
  [Buffer.from(',"rule_id":'), Fw.rule_id],
  [Buffer.from(',"direction":'), Fw.direction],
  [Buffer.from(',"protocol":'), Fw.protocol],
  [Buffer.from(',"source_ip":'), Fw.source_ip],
  [Buffer.from(',"source_port":'), Fw.source_port],
  [Buffer.from(',"destination_ip":'), Fw.destination_ip],
  [Buffer.from(',"destination_port":'), Fw.destination_port],
]

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
    out.putRaw(TEXT)
    out.putUtf8(view.buf, view.start, view.end)
    out.putRaw(SOURCE)
    if (view.host_start >= 0) out.putUtf8(view.buf, view.host_start, view.host_end)
    else out.putText(view.peer)
    if (view.app_start >= 0) {
      out.putRaw(APPNAME)
      out.putUtf8(view.buf, view.app_start, view.app_end)
    }
    out.putRaw(this.#ownedOf(batch, view.stream, batch.owner(n)))
    if (view.grammar !== Grammar.none) putFields(out, view)
    out.putRaw(STAMP)
    const ms = eventTime(view, batch, n)
    putDigits(out, ms > 0 ? ms : 0, ms < 1e13 ? 13 : 16)
    out.putRaw(END)
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

/** `,"stream":…,"tenant":…,"org":…`, without what is not known. */
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
  let text = ''
  for (const [key, value] of fields) {
    if (value !== null && value !== undefined) text += `,"${key}":${JSON.stringify(value)}`
  }
  return Buffer.from(text)
}

function putFields(out: JsonBuffer, view: EventView): void {
  for (let i = 0; i < FIELDS.length; i += 1) {
    const [key, slot] = FIELDS[i] as readonly [Buffer, number]
    const start = view.fw[slot] as number
    if (start < 0) continue
    out.putRaw(key)
    out.putUtf8(view.buf, start, view.fw[slot + 1] as number)
  }
}
