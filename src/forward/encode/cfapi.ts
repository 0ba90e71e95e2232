/**
 * Events for Log Insight's ingestion API: `text` is the event as it came, what is known of it stands in fields. Field
 * names are lower-case words with `_`, which every generation takes. The event's time stands among the fields as
 * well: without a session a server moves `timestamp` to within ten minutes of its own clock.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { Fw, Grammar } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { ownerFields } from './owner-fields.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { PerOwner } from './per-owner.ts'
import { putAscii, putDigits } from './text.ts'

/** Bytes of one text: all generations say 16 KB. */
export const TEXT_MAX = 16_000

const TEXT = new JsonPiece('{"text":"')
const STAMP = new JsonPiece('","timestamp":')
const FIRST = new JsonPiece(',"fields":[{"name":"log_timestamp","content":"')
const CUT = new JsonPiece('"},{"name":"text_cut","content":"true')
const END = new JsonPiece('"}')

/** Ends the field before, and begins one. */
function field(name: string): JsonPiece {
  return new JsonPiece(`"},{"name":"${name}","content":"`)
}

const SOURCE = field('source')
const HOSTNAME = field('hostname')
const APPNAME = field('appname')
const PROCID = field('procid')
const MSGID = field('msgid')
const FACILITY = field('pri_facility')
const SEVERITY = field('pri_severity')

/** Firewall fields with their slot in the view. */
const FIREWALL: readonly (readonly [JsonPiece, number])[] = [
  [field('action'), Fw.action],
  [field('rule_id'), Fw.rule_id],
  [field('direction'), Fw.direction],
  [field('protocol'), Fw.protocol],
  [field('source_ip'), Fw.source_ip],
  [field('source_port'), Fw.source_port],
  [field('destination_ip'), Fw.destination_ip],
  [field('destination_port'), Fw.destination_port],
]

const KEYS = FIREWALL.map(([name]) => name)
const SLOTS = Int32Array.from(FIREWALL, ([, slot]) => slot)

export class CfapiEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  readonly #tags: Buffer
  readonly #owned = new PerOwner(describe)

  constructor(reader: EventReader, tags: Readonly<Record<string, string>>) {
    this.#reader = reader
    const fields = Object.entries(tags).map(([name, content]) => `,${JSON.stringify({ name, content })}`)
    this.#tags = Buffer.from(`${fields.join('')}]}`)
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const { buf } = view
    const stop = cutAt(buf, view.start, view.end)
    const ms = Math.max(0, eventTime(view, batch, n))
    out.putPiece(TEXT)
    // What was cut off was not looked at.
    const plain = out.putInner(buf, view.start, stop) && stop === view.end
    out.putPiece(STAMP)
    out.putNumber(ms)
    out.putPiece(FIRST)
    putDigits(out, ms, ms < 1e13 ? 13 : 16)
    out.putPiece(SOURCE)
    putAscii(out, view.peer)
    putSpan(out, plain, HOSTNAME, buf, view.host_start, view.host_end)
    putSpan(out, plain, APPNAME, buf, view.app_start, view.app_end)
    putSpan(out, plain, PROCID, buf, view.proc_start, view.proc_end)
    putSpan(out, plain, MSGID, buf, view.msgid_start, view.msgid_end)
    if (view.pri >= 0 && view.pri <= 191) {
      out.putPiece(FACILITY)
      out.putNumber(view.pri >> 3)
      out.putPiece(SEVERITY)
      out.putNumber(view.pri & 7)
    }
    out.putRaw(this.#owned.of(batch, view.stream, batch.owner(n)))
    if (view.grammar !== Grammar.none) {
      const { fw } = view
      for (let i = 0; i < KEYS.length; i += 1) {
        const slot = SLOTS[i] as number
        putSpan(out, plain, KEYS[i] as JsonPiece, buf, fw[slot] as number, fw[slot + 1] as number)
      }
    }
    if (stop < view.end) out.putPiece(CUT)
    out.putPiece(END)
    out.putRaw(this.#tags)
    return true
  }
}

/** Where the text ends: at a character, not inside one. */
function cutAt(buf: Buffer, start: number, end: number): number {
  let stop = Math.min(end, start + TEXT_MAX)
  if (stop < end) while (stop > start && (buf[stop]! & 0xc0) === 0x80) stop -= 1
  return stop
}

/** `plain`: nothing of the event needs escaping. */
function putSpan(
  out: JsonBuffer,
  plain: boolean,
  name: JsonPiece,
  buf: Buffer,
  start: number,
  end: number,
): void {
  if (start < 0) return
  if (plain) return out.putSame(name, buf, start, end)
  out.putPiece(name)
  out.putInner(buf, start, end)
}

/** Stream and owner as fields, open at both ends like all of them. */
function describe(names: BatchNames, stream: number, owner: number): Buffer {
  let text = ''
  for (const [name, value] of ownerFields(names, stream, owner))
    text += `"},{"name":"${name}","content":${JSON.stringify(value).slice(0, -1)}`
  return Buffer.from(text)
}
