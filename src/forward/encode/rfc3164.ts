/**
 * RFC 3164. A sound RFC 3164 header passes as it is; any other is written anew. The time is UTC, because the form
 * has no zone and the reader's is not known. Structured data has no place in it and stands before the
 * message, as ESXi writes it; nothing is cut to 1,024 bytes.
 */
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { EventFlag, HeaderForm, type EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { putPri } from './rfc5424.ts'
import { putBsdStamp } from './stamps.ts'
import { putField, putFieldText } from './text.ts'

const SPACE = 0x20
const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const UNDERSCORE = 0x5f
const HOST_MAX = 255
const TAG_MAX = 32
const PROC_MAX = 128

export class Rfc3164Encoder implements EventEncoder {
  readonly clean = false
  readonly #reader: EventReader

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.header(batch, n)
    if (view.form === HeaderForm.rfc3164 && (view.flags & EventFlag.invalid) === 0) {
      out.putRawRange(view.buf, view.start, view.end)
      return true
    }
    putPri(out, view)
    putBsdStamp(out, eventTime(view, batch, n))
    out.putByte(SPACE)
    if (view.host_start >= 0) putField(out, view.buf, view.host_start, view.host_end, HOST_MAX)
    else putFieldText(out, view.peer, HOST_MAX)
    if (view.app_start >= 0 && view.app_end > view.app_start) putTag(out, view)
    if (view.sd_start >= 0) {
      out.putByte(SPACE)
      out.putRawRange(view.buf, view.sd_start, view.sd_end)
    }
    if (view.msg_start < view.end) {
      out.putByte(SPACE)
      out.putRawRange(view.buf, view.msg_start, view.end)
    }
    return true
  }
}

/** ` TAG[pid]:`. What would end the tag early becomes `_`. */
function putTag(out: JsonBuffer, view: EventView): void {
  out.putByte(SPACE)
  const stop = Math.min(view.app_end, view.app_start + TAG_MAX)
  for (let p = view.app_start; p < stop; p += 1) {
    const c = view.buf[p] ?? 0
    out.putByte(c > SPACE && c < 0x7f && c !== COLON && c !== OPEN && c !== CLOSE ? c : UNDERSCORE)
  }
  if (view.proc_start >= 0 && view.proc_end > view.proc_start) {
    out.putByte(OPEN)
    const from = out.length
    putField(out, view.buf, view.proc_start, view.proc_end, PROC_MAX)
    for (let i = from; i < out.length; i += 1) if (out.bytes[i] === CLOSE) out.bytes[i] = UNDERSCORE
    out.putByte(CLOSE)
  }
  out.putByte(COLON)
}
