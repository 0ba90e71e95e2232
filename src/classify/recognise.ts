/**
 * How streams are recognised, made ready for bytes: each {@link StreamMatch} becomes an {@link Alternative}, and a table
 * from program names leads to the few that can fit, so that the number of streams costs nothing an event.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { isElement, paramIsAny, sdElements } from './sd-index.ts'
import { equalBytes } from './structured-data.ts'
import type { StreamMatch, StreamPlan } from './streams.ts'
import { type EventView, Fw, Grammar, HEADER_FORM_NAMES } from './view.ts'

export const GRAMMARS: Readonly<Record<StreamPlan['grammar'], Grammar>> = {
  none: Grammar.none,
  dfw: Grammar.dfw,
  gateway: Grammar.gateway,
  nsxv_edge: Grammar.nsxv_edge,
  esxi: Grammar.esxi,
  vcenter: Grammar.vcenter,
  nsx: Grammar.nsx,
  vcd: Grammar.vcd,
  cf: Grammar.cf,
}

/** How much of a message `contains` looks at. */
const CONTAINS_MAX = 512

interface SdTest {
  readonly ids: readonly Uint8Array[]
  readonly params: readonly { readonly name: Uint8Array; readonly values: readonly Uint8Array[] }[]
}

/** Parts that a header may have: bits of {@link Alternative.needs}. */
const Part = { msg_id: 1, proc_id: 2, structured_data: 4 } as const

/** The {@link Part} bits of an event. */
export function partsOf(view: EventView): number {
  return (
    (view.msgid_start >= 0 ? Part.msg_id : 0) |
    (view.proc_start >= 0 ? Part.proc_id : 0) |
    (view.sd_start >= 0 ? Part.structured_data : 0)
  )
}

/** One way to recognise a stream. */
export class Alternative {
  readonly stream: number
  readonly programs: readonly Uint8Array[]
  /** The body has to be read by this grammar; none: not asked. */
  readonly grammar: Grammar
  readonly rulesets: readonly Uint8Array[]
  /** Asks for nothing but the text. */
  readonly body_only: boolean
  /** Asks for more of the header than the program. */
  readonly asks_header: boolean
  /** {@link Part} bits of what the header must have: a question that costs nothing, and that most events answer. */
  readonly needs: number
  readonly #msg_ids: readonly Uint8Array[]
  readonly #messages: readonly Uint8Array[]
  readonly #proc_ids: readonly Uint8Array[]
  readonly #contains: readonly Uint8Array[]
  /** By byte: not 0 where one of them begins so. */
  readonly #begins = new Uint8Array(256)
  /** A bit for each header form. */
  readonly #forms: number
  readonly #sd: SdTest | undefined

  constructor(stream: number, plan: StreamPlan, match: StreamMatch) {
    this.stream = stream
    this.programs = bytesOf(match.program)
    this.rulesets = bytesOf(match.ruleset)
    this.grammar = GRAMMARS[match.body ?? (this.rulesets.length > 0 ? plan.grammar : 'none')]
    this.#msg_ids = bytesOf(match.msg_id)
    this.#messages = bytesOf(match.message)
    this.#proc_ids = bytesOf(match.proc_id)
    this.#contains = bytesOf(match.contains)
    for (const text of this.#contains) this.#begins[text[0] ?? 0] = 1
    const forms = (match.header ?? HEADER_FORM_NAMES).map((form) => 1 << HEADER_FORM_NAMES.indexOf(form))
    this.#forms = forms.reduce((all, form) => all | form, 0)
    const sd = match.structured_data
    this.#sd = sd && {
      ids: bytesOf(sd.id),
      params: Object.entries(sd.params).map(([name, values]) => ({
        name: sharedName(name),
        values: bytesOf(values),
      })),
    }
    this.needs =
      (this.#msg_ids.length > 0 ? Part.msg_id : 0) |
      (this.#proc_ids.length > 0 ? Part.proc_id : 0) |
      (sd === undefined ? 0 : Part.structured_data)
    const asks = this.needs !== 0 || this.#messages.length > 0 || match.header !== undefined
    this.asks_header = asks || this.#contains.length > 0
    this.body_only = !asks && this.programs.length === 0
  }

  /** All that can be asked without reading the body, except the program. */
  headerFits(view: EventView): boolean {
    if (this.#msg_ids.length > 0 && !isAny(view.buf, view.msgid_start, view.msgid_end, this.#msg_ids))
      return false
    if ((this.#forms & (1 << view.form)) === 0) return false
    if (this.#proc_ids.length > 0 && !this.#procFits(view)) return false
    if (this.#messages.length > 0 && !this.#messageFits(view)) return false
    if (this.#sd !== undefined && !sdFits(view, this.#sd)) return false
    return this.#contains.length === 0 || this.#containsFits(view)
  }

  /** The rule set of a body that its grammar has read. */
  rulesetFits(view: EventView): boolean {
    if (this.rulesets.length === 0) return true
    const start = view.fw[Fw.ruleset]!
    return start >= 0 && beginsWithAny(view.buf, start, view.fw[Fw.ruleset + 1]!, this.rulesets)
  }

  #procFits(view: EventView): boolean {
    return view.proc_start >= 0 && beginsWithAny(view.buf, view.proc_start, view.proc_end, this.#proc_ids)
  }

  #containsFits(view: EventView): boolean {
    const { buf, msg_start } = view
    const end = view.end - msg_start > CONTAINS_MAX ? msg_start + CONTAINS_MAX : view.end
    const begins = this.#begins
    for (let p = msg_start; p < end; p += 1)
      if (begins[buf[p]!] !== 0 && beginsWithAny(buf, p, end, this.#contains)) return true
    return false
  }

  #messageFits(view: EventView): boolean {
    return beginsWithAny(view.buf, skipBlanks(view.buf, view.msg_start, view.end), view.end, this.#messages)
  }
}

function bytesOf(texts: readonly string[] | undefined): readonly Uint8Array[] {
  return (texts ?? []).map((text) => Buffer.from(text))
}

function isAny(buf: Buffer, start: number, end: number, texts: readonly Uint8Array[]): boolean {
  if (start < 0) return false
  for (let i = 0; i < texts.length; i += 1) if (equalBytes(buf, start, end, texts[i]!)) return true
  return false
}

function beginsWithAny(buf: Buffer, start: number, end: number, texts: readonly Uint8Array[]): boolean {
  for (let i = 0; i < texts.length; i += 1) {
    const text = texts[i]!
    if (end - start >= text.length && equalBytes(buf, start, start + text.length, text)) return true
  }
  return false
}

function sdFits(view: EventView, { ids, params }: SdTest): boolean {
  if (view.sd_start < 0) return false
  const elements = sdElements(view)
  for (let n = 0; n < elements; n += 1) {
    for (let i = 0; i < ids.length; i += 1) {
      if (!isElement(view, n, ids[i]!)) continue
      if (paramsFit(view, n, params)) return true
      break
    }
  }
  return false
}

function paramsFit(view: EventView, element: number, params: SdTest['params']): boolean {
  for (let i = 0; i < params.length; i += 1) {
    const { name, values } = params[i]!
    if (!paramIsAny(view, element, name, values)) return false
  }
  return true
}

/** Equal names are one object, so that what was looked up for one stream serves the next. */
const known_names = new Map<string, Uint8Array>()

function sharedName(text: string): Uint8Array {
  const known = known_names.get(text) ?? Buffer.from(text)
  known_names.set(text, known)
  return known
}

/** From a program's bytes to the alternatives that can fit it, in order. */
export class ProgramTable {
  readonly #mask: number
  readonly #keys: (Uint8Array | undefined)[]
  readonly #lists: (readonly Alternative[])[]
  /** For programs that no alternative names, and for events without one. */
  readonly #others: readonly Alternative[]

  constructor(alternatives: readonly Alternative[]) {
    const ordered = [
      ...alternatives.filter((one) => !one.body_only),
      ...alternatives.filter((one) => one.body_only),
    ]
    const names = new Map(
      ordered.flatMap((one) => one.programs.map((name) => [Buffer.from(name).toString('hex'), name])),
    )
    let size = 8
    while (size < names.size * 4) size *= 2
    this.#mask = size - 1
    this.#keys = Array.from({ length: size })
    this.#lists = Array.from({ length: size }, () => [])
    this.#others = ordered.filter((one) => one.programs.length === 0)
    for (const name of names.values()) {
      let slot = hashBytes(name, 0, name.length) & this.#mask
      while (this.#keys[slot] !== undefined) slot = (slot + 1) & this.#mask
      this.#keys[slot] = name
      this.#lists[slot] = ordered.filter(
        (one) => one.programs.length === 0 || one.programs.some((other) => Buffer.compare(other, name) === 0),
      )
    }
  }

  /** The alternatives for the program `buf[start, end)`; `start` -1: none. */
  find(buf: Buffer, start: number, end: number): readonly Alternative[] {
    if (start < 0) return this.#others
    let slot = hashBytes(buf, start, end) & this.#mask
    for (let key = this.#keys[slot]; key !== undefined; key = this.#keys[slot]) {
      if (equalBytes(buf, start, end, key)) return this.#lists[slot]!
      slot = (slot + 1) & this.#mask
    }
    return this.#others
  }
}

/** Length and four bytes: enough to spread names that are known beforehand, and the bytes are compared anyway. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  const count = end - start
  if (count === 0) return 0
  const quarter = count >> 2
  const picked =
    bytes[start]! |
    (bytes[start + quarter]! << 8) |
    (bytes[end - 1 - quarter]! << 16) |
    (bytes[end - 1]! << 24)
  const hash = Math.imul(picked ^ count, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}
