/**
 * One event of a request as one RFC 5424 frame. The header comes from the text where that begins with one, else from
 * the fields; so does structured data. Fields that have no place in it go under {@link PRIVATE_ID}, in which nobody
 * looks for an owner.
 *
 * The text is often written by somebody else than the sender. It is believed to begin with a header only when the
 * fields do not name another program: a message that imitates a firewall line stays a message of who wrote it.
 */
import { Buffer } from 'node:buffer'
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { scanHeader } from '../../classify/header.ts'
import { findSdParam } from '../../classify/structured-data.ts'
import { putUtc, timestampMs } from '../../classify/timestamp.ts'
import { EventFlag, EventView, HeaderForm } from '../../classify/view.ts'
import { type CfapiEvent, FIELDS_MAX } from './event.ts'
import { foldedEqual, nsxName, Role, ROLES, roleOf, sdIdEnd } from './field-roles.ts'
import { isWholeTime, putName, putWord, startsWith, WORD_MAX } from './frame-text.ts'
import { codeOf } from './header-codes.ts'
import { Values } from './values.ts'

/** Fields that have no place of their own. 32473 is the number for what is nobody's (RFC 5612). */
export const PRIVATE_ID = 'cfapi@32473'

const PRIVATE_ID_BYTES = Buffer.from(PRIVATE_ID)
const NSX_ID = Buffer.from('nsx@6876')
const NSX = Buffer.from('nsx')
/** RFC 5424 has no place for an event without PRI; 13 is what RFC 3164 §4.3.3 takes. No label counts then. */
const PRI_ASSUMED = 13
/** Fields may repeat the text twice and so much: else a short request could make much work. */
const REPEAT_MIN = 1024
/** Bytes of structured data that are gone through for one event's fields, or a short request could make much work. */
const SEARCH_MAX = 262_144
/** SD-IDs of one event that are looked for in its fields. */
const IDS_MAX = 16

const SPACE = 0x20
const QUOTE = 0x22
const DASH = 0x2d
const EQUALS = 0x3d
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d

/** What becomes of a field. */
const Fate = { own: 0, used: 1, nsx: 2, sd: 3 } as const

const found = new Int32Array(2)

export interface ComposeSettings {
  /** Bytes of a frame at most. */
  readonly frame_max: number
  /** Zone of the sender's clock, for times that name none. */
  readonly zone: string
}

/** See the module. One is used again for event after event. */
export class Composer {
  readonly #view = new EventView()
  readonly #values = new Values()
  /** The first field of each role, -1: none. */
  readonly #by_role = new Int32Array(ROLES)
  readonly #fate = new Uint8Array(FIELDS_MAX)
  #event: CfapiEvent | undefined
  #out: JsonBuffer | undefined
  /** `out.length` may not pass this while structured data is written. */
  #limit = 0
  #left_out = false
  /** Bytes of the text that fields may still repeat. */
  #repeat = 0
  #control = false

  /** Writes the frame behind what `out` holds; gives its EventFlag bits. `now`: receive time, wall milliseconds. */
  compose(out: JsonBuffer, body: Buffer, event: CfapiEvent, settings: ComposeSettings, now: number): number {
    const start = out.length
    this.#event = event
    this.#out = out
    this.#left_out = false
    this.#repeat = REPEAT_MIN + 2 * (event.text_end - event.text_start)
    this.#control = false
    this.#values.load(body, event)
    let flags = this.#scan(settings.frame_max, now)
    this.#assign()
    const own = this.#ownHeader()
    flags |= this.#putHeader(own, settings.zone)
    const message = this.#messageLength(own)
    const end = start + settings.frame_max
    this.#limit = Math.max(out.length, end - message - 1)
    this.#putStructuredData(own)
    this.#putMessage(own, message)
    if (out.length > end) {
      out.length = end
      this.#left_out = true
    }
    if (this.#left_out) flags |= EventFlag.truncated
    return this.#control ? flags | EventFlag.control : flags
  }

  // ---- what there is ---------------------------------------------------------------------------------

  #scan(frame_max: number, now: number): number {
    const values = this.#values
    const view = this.#view
    view.buf = values.text
    view.start = values.text_start
    view.end = values.text_end
    view.flags = 0
    view.received_at = now
    const long = view.end - view.start > frame_max
    if (long) view.end = view.start + frame_max
    scanHeader(view)
    return long ? EventFlag.truncated : 0
  }

  #assign(): void {
    const event = this.#event as CfapiEvent
    const values = this.#values
    const by_role = this.#by_role
    by_role.fill(-1)
    for (let n = 0; n < event.count; n += 1) {
      values.name(n)
      const role = roleOf(values.buf, values.start, values.end)
      let fate: number = Fate.own
      if (role === Role.nsx) fate = Fate.nsx
      else if (role !== Role.none) {
        if (by_role[role] === -1) by_role[role] = n
      } else if (sdIdEnd(values.buf, values.start, values.end) !== 0) fate = Fate.sd
      this.#fate[n] = fate
    }
  }

  /**
   * Whether the text begins with its header. Fields that come from a header must agree with it in program and message
   * id, or the header is of another event that the text tells of.
   */
  #ownHeader(): boolean {
    const view = this.#view
    const by_role = this.#by_role
    const timed = view.form !== HeaderForm.none
    if (!timed && view.app_start < 0 && view.pri < 0) return false
    const app = by_role[Role.app]!
    if (view.app_start < 0) {
      // A time alone, as in files, may stand before a message; a host or a PRI is somebody's header.
      const bare = view.host_start < 0 && view.pri < 0
      if (app >= 0) return bare
      if (!timed && this.#fieldsHaveHeader()) return false
    } else if (app >= 0) {
      if (!this.#isValue(app, view.app_start, view.app_end)) return false
    } else if (this.#fieldsHaveHeader()) return false
    const msg_id = by_role[Role.msg_id]!
    return msg_id < 0 || view.msgid_start < 0 || this.#isValue(msg_id, view.msgid_start, view.msgid_end)
  }

  /** The sender has taken a header apart. */
  #fieldsHaveHeader(): boolean {
    const by_role = this.#by_role
    return (
      by_role[Role.msg_id]! >= 0 ||
      by_role[Role.proc]! >= 0 ||
      by_role[Role.pri]! >= 0 ||
      by_role[Role.severity]! >= 0 ||
      by_role[Role.facility]! >= 0
    )
  }

  #isValue(n: number, start: number, end: number): boolean {
    const values = this.#values
    values.value(n)
    const count = values.end - values.start
    if (count !== end - start) return false
    const { buf } = this.#view
    for (let i = 0; i < count; i += 1) if (values.buf[values.start + i] !== buf[start + i]) return false
    return true
  }

  // ---- header ----------------------------------------------------------------------------------------

  #putHeader(own: boolean, zone: string): number {
    const out = this.#out as JsonBuffer
    const view = this.#view
    const pri = this.#pri(own)
    out.putByte(0x3c)
    out.putNumber(pri < 0 ? PRI_ASSUMED : pri)
    out.putByte(0x3e)
    out.putByte(0x31)
    out.putByte(SPACE)
    this.#putTime(own, zone)
    this.#putField(own ? view.host_start : -1, view.host_end, Role.host)
    this.#putField(own ? view.app_start : -1, view.app_end, Role.app)
    this.#putField(own ? view.proc_start : -1, view.proc_end, Role.proc)
    this.#putField(own ? view.msgid_start : -1, view.msgid_end, Role.msg_id)
    return pri < 0 ? EventFlag.pri_assumed : 0
  }

  /** 0 to 191, or -1 when neither text nor fields have one. */
  #pri(own: boolean): number {
    const whole = this.#code(Role.pri, 'pri')
    const priority = this.#code(Role.priority, 'pri')
    const facility = this.#code(Role.facility, 'facility')
    let severity = this.#code(Role.severity, 'severity')
    if (severity < 0 && facility >= 0) severity = this.#code(Role.priority, 'severity')
    const taken =
      whole >= 0 ? whole : severity >= 0 ? Math.max(facility, facility < 0 ? 1 : 0) * 8 + severity : priority
    const view = this.#view
    const pri = own && view.pri >= 0 && view.pri <= 191 ? view.pri : taken
    if (pri !== taken || pri < 0) return pri
    // What says the same is not said twice.
    if (whole >= 0) this.#use(Role.pri)
    else if (severity < 0) this.#use(Role.priority)
    else {
      this.#use(Role.facility)
      this.#use(this.#by_role[Role.severity]! >= 0 ? Role.severity : Role.priority)
    }
    return pri
  }

  #use(role: Role): void {
    const n = this.#by_role[role]!
    if (n >= 0) this.#fate[n] = Fate.used
  }

  #code(role: Role, kind: 'pri' | 'facility' | 'severity'): number {
    const n = this.#by_role[role]!
    if (n < 0) return -1
    const values = this.#values
    values.value(n)
    return codeOf(values.buf, values.start, values.end, kind)
  }

  /** The text's own time, else the field's, else the event's; behind it a blank. */
  #putTime(own: boolean, zone: string): void {
    const out = this.#out as JsonBuffer
    const view = this.#view
    const event = this.#event as CfapiEvent
    const values = this.#values
    const n = this.#by_role[Role.time]!
    if (own && view.time_start >= 0) {
      if (n >= 0 && this.#isValue(n, view.time_start, view.time_end)) this.#fate[n] = Fate.used
      if (isWholeTime(view.buf, view.time_start, view.time_end)) {
        out.putRawRange(view.buf, view.time_start, view.time_end)
        return out.putByte(SPACE)
      }
    } else if (n >= 0) {
      values.value(n)
      if (isWholeTime(values.buf, values.start, values.end)) {
        this.#fate[n] = Fate.used
        out.putRawRange(values.buf, values.start, values.end)
        return out.putByte(SPACE)
      }
    }
    // A BSD time has no year and often no zone: the sender's milliseconds are the same time, and whole.
    let ms = event.timestamp
    if (Number.isNaN(ms) && own) ms = timestampMs(view, zone)
    this.#putStamp(ms)
  }

  #putStamp(ms: number): void {
    const out = this.#out as JsonBuffer
    if (!(ms >= 0 && ms <= 253_402_300_799_999)) {
      out.putByte(DASH)
      return out.putByte(SPACE)
    }
    // `putUtc` writes quotes: the first over the blank before, the last becomes the blank behind.
    const before = out.length - 1
    out.length = before
    putUtc(out, ms)
    out.bytes[before] = SPACE
    out.bytes[out.length - 1] = SPACE
  }

  /** A word of the header and a blank: of the text, else of the field. A field that is all here is not written again. */
  #putField(start: number, end: number, role: Role): void {
    const out = this.#out as JsonBuffer
    const n = this.#by_role[role]!
    const { buf } = this.#view
    if (start >= 0) {
      const again = n >= 0 && this.#isValue(n, start, end)
      // What is not all here stays in the field that says the same.
      const whole = putWord(out, buf, start, end)
      if (whole && again) this.#fate[n] = Fate.used
      else if (!whole && !again && end - start > WORD_MAX) this.#left_out = true
    } else if (n >= 0) {
      const values = this.#values
      values.value(n)
      if (putWord(out, values.buf, values.start, values.end)) this.#fate[n] = Fate.used
    } else out.putByte(DASH)
    out.putByte(SPACE)
  }

  // ---- structured data -------------------------------------------------------------------------------

  #putStructuredData(own: boolean): void {
    const out = this.#out as JsonBuffer
    const view = this.#view
    const event = this.#event as CfapiEvent
    const mark = out.length
    if (own && view.sd_start >= 0) {
      out.putRawRange(view.buf, view.sd_start, view.sd_end)
      if ((event.text_style & 1) !== 0) this.#lookForControl(view.buf, view.sd_start, view.sd_end)
      this.#dropRepeated()
    } else {
      this.#putIds()
      if (this.#isNsx(own)) this.#putElement(NSX_ID, Fate.nsx)
    }
    this.#putElement(PRIVATE_ID_BYTES, Fate.own)
    if (out.length === mark) out.putByte(DASH)
  }

  /** Parameters of the text's structured data that stand among the fields too. Beyond {@link SEARCH_MAX} they are said twice. */
  #dropRepeated(): void {
    const event = this.#event as CfapiEvent
    const { buf, sd_start, sd_end } = this.#view
    const values = this.#values
    let searches = Math.ceil(SEARCH_MAX / (sd_end - sd_start))
    for (let n = 0; n < event.count; n += 1) {
      const fate = this.#fate[n]
      if (fate !== Fate.nsx && fate !== Fate.sd) continue
      searches -= 1
      if (searches < 0) {
        this.#fate[n] = Fate.own
        continue
      }
      values.name(n)
      const id_end = fate === Fate.sd ? sdIdEnd(values.buf, values.start, values.end) : 0
      const id = fate === Fate.sd ? values.buf.subarray(values.start, id_end) : NSX_ID
      const name =
        fate === Fate.sd
          ? values.buf.subarray(id_end + 1, values.end)
          : (nsxName(values.buf, values.start, values.end) ?? values.buf.subarray(values.start, values.end))
      this.#fate[n] = Fate.own
      if (!findSdParam(buf, sd_start, sd_end, id, name, found)) continue
      if (this.#isValue(n, found[0]!, found[1]!)) this.#fate[n] = Fate.used
    }
  }

  /** Only NSX's own events have its parameters without their SD-ID: the names are everyday words. */
  #isNsx(own: boolean): boolean {
    const view = this.#view
    if (own && view.app_start >= 0)
      return (
        view.app_end - view.app_start >= 3 && foldedEqual(NSX, view.buf, view.app_start, view.app_start + 3)
      )
    const n = this.#by_role[Role.app]!
    if (n < 0) return this.#nsxToOwn()
    const values = this.#values
    values.value(n)
    if (values.end - values.start >= 3 && foldedEqual(NSX, values.buf, values.start, values.start + 3))
      return true
    return this.#nsxToOwn()
  }

  #nsxToOwn(): false {
    const event = this.#event as CfapiEvent
    for (let n = 0; n < event.count; n += 1) if (this.#fate[n] === Fate.nsx) this.#fate[n] = Fate.own
    return false
  }

  /** Fields named `id@number.parameter`, an element an id. */
  #putIds(): void {
    const event = this.#event as CfapiEvent
    const values = this.#values
    let ids = 0
    for (let n = 0; n < event.count; n += 1) {
      if (this.#fate[n] !== Fate.sd) continue
      if (ids >= IDS_MAX) {
        this.#fate[n] = Fate.own
        continue
      }
      ids += 1
      values.name(n)
      const id_end = sdIdEnd(values.buf, values.start, values.end)
      const id = Buffer.from(values.buf.subarray(values.start, id_end))
      if (id.equals(PRIVATE_ID_BYTES)) this.#fate[n] = Fate.own
      else this.#putElement(id, Fate.sd)
    }
  }

  /** One element with all fields of this fate (and, for `sd`, of this id). Nothing is written when there are none. */
  #putElement(id: Buffer, fate: number): void {
    const event = this.#event as CfapiEvent
    const out = this.#out as JsonBuffer
    const values = this.#values
    const skip = fate === Fate.sd ? id.length + 1 : 0
    let open = false
    for (let n = 0; n < event.count; n += 1) {
      if (this.#fate[n] !== fate) continue
      values.name(n)
      if (skip > 0 && !startsWith(values, id)) continue
      const mark = out.length
      if (!open) {
        out.putByte(OPEN)
        out.putRaw(id)
      }
      if (this.#putParam(n, skip, fate === Fate.nsx)) {
        open = true
        this.#fate[n] = Fate.used
      } else out.length = mark
    }
    if (open) {
      out.putByte(CLOSE)
    }
  }

  /** ` name="value"`; false, with the rest to be taken back, when there is no room. The name is the current value. */
  #putParam(n: number, skip: number, nsx: boolean): boolean {
    const out = this.#out as JsonBuffer
    const values = this.#values
    const spelled = nsx ? nsxName(values.buf, values.start, values.end) : undefined
    out.putByte(SPACE)
    if (spelled !== undefined) out.putRaw(spelled)
    else putName(out, values.buf, values.start + skip, values.end)
    out.putByte(EQUALS)
    out.putByte(QUOTE)
    values.value(n)
    const { buf, start } = values
    let { end } = values
    if (values.isPart(n)) {
      // It stands in the text: nothing is lost.
      if (end - start > this.#repeat) end = start
      this.#repeat -= end - start
    }
    // The closing quote and bracket come behind it.
    if (out.length + (end - start) + 2 > this.#limit || !this.#putEscaped(buf, start, end)) {
      this.#left_out = true
      return false
    }
    out.putByte(QUOTE)
    if (values.unescaped) this.#lookForControl(buf, start, end)
    return true
  }

  /** A PARAM-VALUE (RFC 5424 §6.3.3); false when it does not fit. */
  #putEscaped(buf: Buffer, start: number, end: number): boolean {
    const out = this.#out as JsonBuffer
    out.ensure((end - start) * 2)
    const { bytes } = out
    let at = out.length
    for (let p = start; p < end; p += 1) {
      const c = buf[p]!
      if (c === QUOTE || c === BACKSLASH || c === CLOSE) bytes[at++] = BACKSLASH
      bytes[at++] = c
    }
    out.length = at
    return at + 2 <= this.#limit
  }

  // ---- message ---------------------------------------------------------------------------------------

  #messageLength(own: boolean): number {
    const view = this.#view
    const n = this.#by_role[Role.message]!
    const start = own ? view.msg_start : view.start
    if (view.end > start || (own && n < 0)) {
      if (n >= 0 && this.#isValue(n, start, view.end)) this.#fate[n] = Fate.used
      return view.end - start
    }
    if (n < 0) return 0
    this.#fate[n] = Fate.used
    this.#values.value(n)
    return this.#values.end - this.#values.start
  }

  #putMessage(own: boolean, length: number): void {
    if (length === 0) return
    const out = this.#out as JsonBuffer
    const view = this.#view
    const values = this.#values
    out.putByte(SPACE)
    const start = own ? view.msg_start : view.start
    if (view.end > start) {
      out.putRawRange(view.buf, start, view.end)
      if (((this.#event as CfapiEvent).text_style & 1) !== 0) this.#lookForControl(view.buf, start, view.end)
      return
    }
    values.value(this.#by_role[Role.message]!)
    out.putRawRange(values.buf, values.start, values.end)
    if (values.unescaped) this.#lookForControl(values.buf, values.start, values.end)
  }

  /** LF, CR or NUL: framing at a destination must know. */
  #lookForControl(buf: Buffer, start: number, end: number): void {
    for (let p = start; p < end && !this.#control; p += 1) {
      const c = buf[p]!
      if (c === 0x0a || c === 0x0d || c === 0) this.#control = true
    }
  }
}
