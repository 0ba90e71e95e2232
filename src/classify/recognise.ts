/** How streams are recognised, made ready for bytes: each {@link StreamMatch} becomes an {@link Alternative}. */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { hasElement, isElement, paramIsAny } from './sd-index.ts'
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

const SPACE = 0x20

interface SdTest {
  readonly ids: readonly Uint8Array[]
  readonly params: readonly { readonly name: Uint8Array; readonly values: readonly Uint8Array[] }[]
}

/** Parts that a header may have: bits of {@link Alternative.needs}. */
export const Part = { msg_id: 1, proc_id: 2, structured_data: 4 } as const

/** What the first byte of a message can be, blanks before it apart, where a grammar reads it. A test holds the readers to it. */
export const FIRST_BYTES: Readonly<Record<Grammar, string>> = {
  [Grammar.none]: '',
  // A filter, the family, the comma form's action, `message repeated`.
  [Grammar.dfw]: '0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZm',
  [Grammar.gateway]: '<m',
  [Grammar.nsxv_edge]: '[m',
  // `cpu0:…`, `[correlator]`, a level.
  [Grammar.esxi]: 'c[deinpstvw',
  // `Event [`, `- - vcenter-server`, a time, a level in either case.
  [Grammar.vcenter]: '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZdeinpstvw',
  [Grammar.nsx]: '',
  [Grammar.vcd]: '0123456789',
  [Grammar.cf]: '',
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
  /** Asks for the program at most. */
  readonly asks_nothing: boolean
  /** Asks for an SD-ID, and besides for the program at most. */
  readonly asks_id: boolean
  /** {@link Part} bits of what the header must have: a question that costs nothing, and that most events answer. */
  readonly needs: number
  readonly #msg_ids: readonly Uint8Array[]
  readonly #messages: readonly Uint8Array[]
  readonly proc_ids: readonly Uint8Array[]
  /** Texts of which the message must hold one; none: not asked. {@link ContainsScan} looks for them. */
  readonly contains: readonly Uint8Array[]
  /** Its place among those that ask for {@link contains}: whoever looks for the texts sets it. */
  asker = -1
  /** By byte: 0 where no message that begins so, blanks apart, can fit. Null: any can. */
  readonly #firsts: Uint8Array | null
  /** A bit for each header form. */
  readonly #forms: number
  readonly #sd: SdTest | undefined
  /** SD-IDs of which one must be there; none: not asked. */
  readonly sd_ids: readonly Uint8Array[]

  constructor(stream: number, plan: StreamPlan, match: StreamMatch) {
    this.stream = stream
    this.programs = bytesOf(match.program)
    this.rulesets = bytesOf(match.ruleset)
    this.grammar = GRAMMARS[match.body ?? (this.rulesets.length > 0 ? plan.grammar : 'none')]
    this.#msg_ids = bytesOf(match.msg_id)
    this.#messages = bytesOf(match.message)
    this.proc_ids = bytesOf(match.proc_id)
    this.contains = bytesOf(match.contains)
    this.#firsts = firstsOf(this.grammar, this.#messages)
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
    this.sd_ids = this.#sd?.ids ?? []
    this.needs =
      (this.#msg_ids.length > 0 ? Part.msg_id : 0) |
      (this.proc_ids.length > 0 ? Part.proc_id : 0) |
      (sd === undefined ? 0 : Part.structured_data)
    const asks = this.needs !== 0 || this.#messages.length > 0 || match.header !== undefined
    this.asks_header = asks || this.contains.length > 0
    const asks_body = this.grammar !== Grammar.none || this.rulesets.length > 0
    this.asks_nothing = !this.asks_header && !asks_body
    this.asks_id =
      this.needs === Part.structured_data &&
      this.#sd?.params.length === 0 &&
      this.#messages.length + this.contains.length === 0 &&
      match.header === undefined &&
      !asks_body
    this.body_only = !asks && this.programs.length === 0
  }

  /** Whether a message may fit whose first byte above a blank is `first`; 0: it has none. */
  mayBegin(first: number): boolean {
    return this.#firsts === null || this.#firsts[first] === 1
  }

  /** All that can be asked without reading the body, except the program and {@link contains}. */
  headerFits(view: EventView): boolean {
    if (this.#msg_ids.length > 0 && !isAny(view.buf, view.msgid_start, view.msgid_end, this.#msg_ids))
      return false
    if ((this.#forms & (1 << view.form)) === 0) return false
    if (this.proc_ids.length > 0 && !this.#procFits(view)) return false
    if (this.#messages.length > 0 && !this.#messageFits(view)) return false
    return this.#sd === undefined || sdFits(view, this.#sd)
  }

  /** The rule set of a body that its grammar has read. */
  rulesetFits(view: EventView): boolean {
    if (this.rulesets.length === 0) return true
    const start = view.fw[Fw.ruleset]!
    return start >= 0 && beginsWithAny(view.buf, start, view.fw[Fw.ruleset + 1]!, this.rulesets)
  }

  #procFits(view: EventView): boolean {
    return view.proc_start >= 0 && beginsWithAny(view.buf, view.proc_start, view.proc_end, this.proc_ids)
  }

  #messageFits(view: EventView): boolean {
    return beginsWithAny(view.buf, skipBlanks(view.buf, view.msg_start, view.end), view.end, this.#messages)
  }
}

/** What {@link Alternative.mayBegin} looks at. Texts that themselves begin with a blank could stand anywhere. */
function firstsOf(grammar: Grammar, messages: readonly Uint8Array[]): Uint8Array | null {
  const begins = messages.map((text) => text[0] ?? 0)
  const of_messages = begins.length > 0 && begins.every((c) => c > SPACE) ? begins : null
  const of_grammar = grammar === Grammar.none ? null : [...Buffer.from(FIRST_BYTES[grammar])]
  if (of_messages === null && of_grammar === null) return null
  const firsts = new Uint8Array(256)
  for (const c of of_messages ?? of_grammar ?? []) if (of_grammar?.includes(c) ?? true) firsts[c] = 1
  return firsts
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
  for (let n = 0; hasElement(view, n); n += 1) {
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
