/**
 * RFC 5424. An event that has a sound RFC 5424 header passes as it is; the header of any other is written
 * anew from what its own header says, and the message stays byte for byte (a relay must not alter it). What the
 * sender did not say is not made up: no time is the receive time, no host the peer's address, no severity
 * `user.notice` (RFC 3164 section 4.3.3).
 */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { rfc3339End } from '../../classify/time-scan.ts'
import { EventFlag, HeaderForm, type EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { putIsoStamp } from './stamps.ts'
import { putField, putFieldText } from './text.ts'

const LESS = 0x3c
const GREATER = 0x3e
const SPACE = 0x20
const NIL = 0x2d
const PRI_DEFAULT = 13
const HOST_MAX = 255
const APP_MAX = 48
const PROC_MAX = 128
const MSGID_MAX = 32

export class Rfc5424Encoder implements EventEncoder {
  readonly clean = false
  readonly #reader: EventReader
  /** An element of structured data; empty when there are no tags. */
  readonly #tags: Buffer

  constructor(reader: EventReader, tags: Readonly<Record<string, string>> = {}) {
    this.#reader = reader
    this.#tags = tagsElement(tags)
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.header(batch, n)
    if (view.form === HeaderForm.rfc5424 && (view.flags & EventFlag.invalid) === 0) {
      if (this.#tags.length === 0) out.putRawRange(view.buf, view.start, view.end)
      else this.#putTagged(out, view)
      return true
    }
    putPri(out, view)
    out.putByte(0x31)
    out.putByte(SPACE)
    putTime(out, view, batch, n)
    out.putByte(SPACE)
    if (view.host_start >= 0) putField(out, view.buf, view.host_start, view.host_end, HOST_MAX)
    else putFieldText(out, view.peer, HOST_MAX)
    out.putByte(SPACE)
    putField(out, view.buf, view.app_start, view.app_end, APP_MAX)
    out.putByte(SPACE)
    putField(out, view.buf, view.proc_start, view.proc_end, PROC_MAX)
    out.putByte(SPACE)
    putField(out, view.buf, view.msgid_start, view.msgid_end, MSGID_MAX)
    out.putByte(SPACE)
    if (view.sd_start >= 0) out.putRawRange(view.buf, view.sd_start, view.sd_end)
    else if (this.#tags.length === 0) out.putByte(NIL)
    out.putRaw(this.#tags)
    const from = messageStart(view)
    if (from < view.end) {
      out.putByte(SPACE)
      out.putRawRange(view.buf, from, view.end)
    }
    return true
  }

  /** The event as it is, with one element more in its structured data. */
  #putTagged(out: JsonBuffer, view: EventView): void {
    const { buf, start, end, sd_end } = view
    let to = sd_end
    let from = sd_end
    if (view.sd_start < 0) {
      from = messageStart(view)
      while (buf[from - 1] === SPACE) from -= 1
      // What stands there is the nil.
      to = from - 1
    }
    out.putRawRange(buf, start, to)
    out.putRaw(this.#tags)
    out.putRawRange(buf, from, end)
  }
}

/** The number that RFC 5612 keeps for examples and that nobody else will ever claim. */
const TAGS_ID = 'logweir@32473'

function tagsElement(tags: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(tags)
  if (entries.length === 0) return Buffer.alloc(0)
  const params = entries.map(([name, value]) => ` ${name}="${value.replaceAll(/["\\\]]/g, '\\$&')}"`)
  return Buffer.from(`[${TAGS_ID}${params.join('')}]`)
}

/** Where the message begins with its BOM, which says how the rest is encoded (RFC 5424 section 6.4). */
function messageStart(view: EventView): number {
  const { buf, msg_start: p } = view
  return p - 3 >= view.start && buf[p - 3] === 0xef && buf[p - 2] === 0xbb && buf[p - 1] === 0xbf ? p - 3 : p
}

/** `<PRI>`, or `<13>` where there was none that counts. */
export function putPri(out: JsonBuffer, view: EventView): void {
  out.putByte(LESS)
  out.putNumber(view.pri >= 0 && view.pri <= 191 ? view.pri : PRI_DEFAULT)
  out.putByte(GREATER)
}

function putTime(out: JsonBuffer, view: EventView, batch: Batch, n: number): void {
  // The sender's own text keeps its zone and its digits of a second.
  const sound = view.time_start >= 0 && view.form !== HeaderForm.rfc3164
  if (sound && rfc3339End(view.buf, view.time_start, view.time_end) === view.time_end) {
    out.putRawRange(view.buf, view.time_start, view.time_end)
  } else putIsoStamp(out, eventTime(view, batch, n))
}
