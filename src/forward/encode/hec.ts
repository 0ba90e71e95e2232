/**
 * Events for Splunk's HTTP event collector: the event as it came, or as JSON, between what Splunk indexes it by
 * (`time`, `host`, `source`, `sourcetype`, `index`) and flat `fields` (Splunk takes no nested ones).
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { Fw, Grammar, type EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'
import type { HecOptions } from '../../rules/forwarder-settings.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { EventIds } from './event-ids.ts'
import { putWord, textMember } from './members.ts'
import { expand, ownerFields, PerOwner } from './per-owner.ts'
import { putDigits } from './text.ts'

const EVENT = new JsonPiece('{"event":')
const TIME = new JsonPiece(',"time":')
const HOST = new JsonPiece(',"host":')
const ID = new JsonPiece(',"id":')
const END = new JsonPiece('}}')
const DOT = 0x2e
const QUOTE = 0x22

const FIELDS: readonly (readonly [string, number])[] = [
  ['action', Fw.action],
  ['rule_id', Fw.rule_id],
  ['direction', Fw.direction],
  ['protocol', Fw.protocol],
  ['source_ip', Fw.source_ip],
  ['source_port', Fw.source_port],
  ['destination_ip', Fw.destination_ip],
  ['destination_port', Fw.destination_port],
]
const KEYS = FIELDS.map(([name]) => textMember(name))
const SLOTS = FIELDS.map(([, slot]) => slot)

export class HecEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  /** Null: the event as it came. */
  readonly #json: EventEncoder | null
  readonly #owned: PerOwner
  readonly #ids = new EventIds()

  constructor(
    reader: EventReader,
    options: HecOptions,
    json: EventEncoder | null,
    tags: Readonly<Record<string, string>> = {},
  ) {
    this.#reader = reader
    this.#json = json
    this.#owned = new PerOwner((names, stream, owner) => {
      const { index, source, sourcetype } = options
      const of = (template: string): string => expand(template, names, stream, owner)
      const metadata = {
        source: of(source),
        sourcetype: of(sourcetype),
        // Indexes are named in lower case.
        ...(index === null ? {} : { index: of(index).toLowerCase() }),
        fields: { ...tags, ...ownerFields(names, stream, owner) },
      }
      // Open at the end: more fields follow.
      return Buffer.from(`,${JSON.stringify(metadata).slice(1, -2)}`)
    })
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    out.putPiece(EVENT)
    if (this.#json !== null && !this.#json.encode(out, batch, n)) return false
    const view = this.#reader.fields(batch, n)
    let plain = false
    if (this.#json === null) {
      out.putByte(QUOTE)
      plain = out.putInner(view.buf, view.start, view.end)
      out.putByte(QUOTE)
    }
    putTime(out, eventTime(view, batch, n))
    out.putPiece(HOST)
    if (view.host_start >= 0 && view.host_end > view.host_start)
      out.putUtf8(view.buf, view.host_start, view.host_end)
    else out.putText(view.peer === '' ? '-' : view.peer)
    out.putRaw(this.#owned.of(batch, view.stream, batch.owner(n)))
    out.putPiece(ID)
    this.#ids.put(out, batch, n)
    if (view.grammar !== Grammar.none) putFields(out, view, plain)
    out.putPiece(END)
    return true
  }
}

/** Seconds since the epoch with milliseconds, as a number. */
function putTime(out: JsonBuffer, ms: number): void {
  const at = ms > 0 ? Math.floor(ms) : 0
  const seconds = Math.floor(at / 1000)
  out.putPiece(TIME)
  out.putNumber(seconds)
  out.putByte(DOT)
  putDigits(out, at - seconds * 1000, 3)
}

function putFields(out: JsonBuffer, view: EventView, plain: boolean): void {
  for (let i = 0; i < KEYS.length; i += 1) putWord(out, KEYS[i] as JsonPiece, view, SLOTS[i] as number, plain)
}
