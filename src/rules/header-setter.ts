/**
 * `set`: header fields that a forwarder writes itself. Where the header has the field its bytes are replaced; a header
 * that lacks one is written anew as RFC 5424 first, from what it says.
 */
import { Buffer } from 'node:buffer'
import { facility, severity } from '../classify/fields.ts'
import { eventMs } from '../classify/timestamp.ts'
import { EventView } from '../classify/view.ts'
import type { SetPlan } from './edit-plan.ts'
import type { Replacer } from './replacement.ts'

interface SetField {
  readonly replacer: Replacer
  readonly start: (view: EventView) => number
  readonly end: (view: EventView) => number
}

const LESS = 0x3c
/** `user.notice`, what RFC 3164 §4.3.3 has for a message without a priority. */
const PRI_DEFAULT = 13

/** Written anew; shared by the thread, good until the next. */
const rewritten = new EventView()

const SPANS: Readonly<Record<string, readonly [(view: EventView) => number, (view: EventView) => number]>> = {
  hostname: [(view) => view.host_start, (view) => view.host_end],
  app_name: [(view) => view.app_start, (view) => view.app_end],
  proc_id: [(view) => view.proc_start, (view) => view.proc_end],
  msg_id: [(view) => view.msgid_start, (view) => view.msgid_end],
}

export class HeaderSetter {
  readonly fields: readonly SetField[]
  readonly #set: ReadonlySet<SetPlan['field']>
  readonly #read: (view: EventView, stream: number) => void
  /** By number of the source. */
  readonly #zones: readonly string[]

  constructor(
    set: readonly SetPlan[],
    read: (view: EventView, stream: number) => void,
    zones: readonly string[],
  ) {
    this.#set = new Set(set.map(({ field }) => field))
    this.#read = read
    this.#zones = zones
    const number = (name: SetPlan['field']): number | null => {
      const found = set.find(({ field }) => field === name)
      return found === undefined ? null : Number(found.text)
    }
    const fields = set.flatMap(({ field, text }): SetField[] => {
      const span = SPANS[field]
      return span === undefined ? [] : [{ replacer: constant(text), start: span[0], end: span[1] }]
    })
    const own_facility = number('facility')
    const own_severity = number('severity')
    if (own_facility !== null || own_severity !== null) fields.push(priority(own_facility, own_severity))
    this.fields = fields
  }

  /** The event with a header that has every field that is set: itself, or one that was written anew. */
  complete(view: EventView): EventView {
    for (const { start } of this.fields) if (start(view) < 0) return this.#rewrite(view)
    return view
  }

  #rewrite(view: EventView): EventView {
    const { buf } = view
    const text = (start: number, end: number): string =>
      start < 0 || end === start ? '-' : buf.toString('latin1', start, end).replaceAll(/[^!-~]/g, '_')
    const pri = view.pri < 0 || view.pri > 191 ? PRI_DEFAULT : view.pri
    // What is set and not there is given something that is then replaced.
    const word = (field: SetPlan['field'], start: number, end: number): string =>
      this.#set.has(field) ? 'x' : text(start, end)
    const words = [
      `<${pri}>1`,
      isoTime(view, this.#zones[view.source] ?? 'UTC'),
      word('hostname', view.host_start, view.host_end),
      word('app_name', view.app_start, view.app_end),
      word('proc_id', view.proc_start, view.proc_end),
      word('msg_id', view.msgid_start, view.msgid_end),
    ]
    const data = view.sd_start < 0 ? Buffer.from('-') : buf.subarray(view.sd_start, view.sd_end)
    const head = [Buffer.from(`${words.join(' ')} `, 'latin1'), data, Buffer.from(' ')]
    rewritten.buf = Buffer.concat([...head, buf.subarray(view.msg_start, view.end)])
    rewritten.start = 0
    rewritten.end = rewritten.buf.length
    rewritten.flags = view.flags
    rewritten.received_at = view.received_at
    rewritten.listener = view.listener
    rewritten.source = view.source
    rewritten.peer = view.peer
    this.#read(rewritten, view.stream)
    return rewritten
  }
}

/** RFC 3339 has years of four digits only. */
const LAST_MS = Date.UTC(9999, 11, 31)

function isoTime(view: EventView, zone: string): string {
  const ms = eventMs(view, zone)
  return new Date(ms >= 0 && ms < LAST_MS ? ms : view.received_at).toISOString()
}

function constant(text: string): Replacer {
  const bytes = Buffer.from(text)
  return { write: (_buf, _start, _end, out, at) => at + bytes.copy(out, at), room: () => bytes.length }
}

/** The digits between `<` and `>`. */
function priority(own_facility: number | null, own_severity: number | null): SetField {
  const texts = Array.from({ length: 192 }, (_, pri) =>
    Buffer.from(String((own_facility ?? pri >> 3) * 8 + (own_severity ?? pri & 7))),
  )
  let pri = PRI_DEFAULT
  return {
    replacer: {
      write: (_buf, _start, _end, out, at) => at + (texts[pri] as Buffer).copy(out, at),
      room: () => 3,
    },
    start: (view) => {
      // ESXi's files have the number elsewhere, and a count may stand before it: those are written anew.
      if (facility(view) < 0 || view.buf[view.start] !== LESS) return -1
      pri = facility(view) * 8 + severity(view)
      return view.start + 1
    },
    end: (view) => view.buf.indexOf(0x3e, view.start),
  }
}
