/**
 * Redaction, hidden hosts and set fields: gives the bytes of an event as one forwarder may have them. The event is
 * written anew into memory of its own before it is appended to a batch, so that neither batch nor spool nor encoder
 * ever holds the original; encoders find the fields again in the new bytes.
 */
import { Buffer } from 'node:buffer'
import { EventView, Fw } from '../classify/view.ts'
import { type ConditionEnv, fieldReader, type SpanReader } from './conditions-fields.ts'
import { eachSdValue } from './conditions-structured-data.ts'
import { EditMarks } from './edit-marks.ts'
import type { EditPlan, RedactField, RedactPlan } from './edit-plan.ts'
import { eachName } from './host-names.ts'
import { KeyedHash } from './keyed-hash.ts'
import { type Pattern, patternOf } from './pattern.ts'
import type { RulesPlan } from './plan.ts'
import { type FieldForm, makeReplacer, numberHash, type Replacer } from './replacement.ts'
import { HeaderSetter } from './header-setter.ts'

export interface EditorDeps {
  readonly plan: RulesPlan
  readonly env: ConditionEnv
  /** The key of all hashes. */
  readonly key: string
  /** Finds the fields of an event again whose header was written anew; its stream stays. */
  readonly read: (view: EventView, stream: number) => void
}

/** Marks what is to be replaced in an event. */
type Marker = (view: EventView, marks: EditMarks) => void

/** Shared by all editors of the thread: what they give is copied before the next is asked. */
const marks = new EditMarks()
const edited = new EventView()
let scratch = Buffer.allocUnsafeSlow(4096)
/** Whose work `edited` is, and of which event: a tenant's forwarders often share an editor. */
let edited_by = 0
let made = 0
let edited_event = -1

/** RFC 5424 §6: what is longer is no name, and is not looked for. */
const HOST_MAX = 255

const FORMS: Readonly<Partial<Record<RedactField, FieldForm>>> = {
  hostname: 'host',
  'firewall.source_ip': 'address',
  'firewall.destination_ip': 'address',
  'firewall.source_port': 'number',
  'firewall.destination_port': 'number',
  'firewall.rule_id': 'number',
}

class EditWork {
  readonly #id = ++made
  readonly #replacers: Replacer[] = []
  readonly #partial: boolean[] = []
  readonly #markers: Marker[] = []
  readonly #peer: Replacer | null
  readonly #set: HeaderSetter | null
  #last_peer: string | undefined
  #last_peer_text = ''

  constructor(plan: EditPlan, deps: EditorDeps) {
    const hash = new KeyedHash(deps.key, plan.scope)
    this.#replacer(makeReplacer({ kind: 'with', text: null }, 'text', hash), false)
    this.#set = plan.set.length === 0 ? null : new HeaderSetter(plan.set, deps.read, zonesOf(deps.env))
    if (this.#set !== null) this.#markSet(this.#set)
    let peer: Replacer | null = null
    if (plan.hide_hosts) {
      this.#markHosts(hash)
      peer = makeReplacer({ kind: 'hash' }, 'address', hash)
    }
    for (const entry of plan.redact) {
      this.#markEntry(entry, hash, deps)
      if (entry.fields.includes('peer')) peer = makeReplacer(entry.how, 'address', hash)
    }
    this.#peer = peer
  }

  edit(event: EventView, number: number): EventView {
    if (number >= 0 && edited_by === this.#id && edited_event === number) return edited
    edited_by = 0
    const view = this.#set === null ? event : this.#set.complete(event)
    marks.begin(view.start, view.sd_start >= 0 ? view.sd_start : view.msg_start)
    for (const mark of this.#markers) mark(view, marks)
    marks.settle(view.end, (kind) => this.#partial[kind] === true)
    edited.flags = view.flags
    edited.received_at = view.received_at
    edited.stream = view.stream
    edited.listener = view.listener
    edited.source = view.source
    edited.peer = this.#peer === null ? view.peer : this.#peerOf(view.peer, this.#peer)
    if (marks.count === 0) {
      edited.buf = view.buf
      edited.start = view.start
      edited.end = view.end
    } else this.#write(view)
    edited_by = this.#id
    edited_event = number
    return edited
  }

  #write(view: EventView): void {
    let room = view.end - view.start
    for (let n = 0; n < marks.count; n++) {
      const length = (marks.ends[n] as number) - (marks.starts[n] as number)
      room += (this.#replacers[marks.kinds[n] as number] as Replacer).room(length)
    }
    if (scratch.length < room) scratch = Buffer.allocUnsafeSlow(room * 2)
    const { buf } = view
    let from = view.start
    let at = 0
    for (let n = 0; n < marks.count; n++) {
      const start = marks.starts[n] as number
      const end = marks.ends[n] as number
      at += buf.copy(scratch, at, from, start)
      at = (this.#replacers[marks.kinds[n] as number] as Replacer).write(buf, start, end, scratch, at)
      from = end
    }
    at += buf.copy(scratch, at, from, view.end)
    edited.buf = scratch
    edited.start = 0
    edited.end = at
  }

  #replacer(replacer: Replacer, partial: boolean): number {
    this.#partial.push(partial)
    return this.#replacers.push(replacer) - 1
  }

  #markSet(setter: HeaderSetter): void {
    for (const { replacer, start, end } of setter.fields) {
      const kind = this.#replacer(replacer, false)
      this.#markers.push((view, into) => into.add(start(view), end(view), kind))
    }
  }

  /** The name becomes the same text wherever it stands: alone, with its domain, in the header or behind it. */
  #markHosts(hash: KeyedHash): void {
    const inner = makeReplacer({ kind: 'hash' }, 'host', hash)
    let host: EventView | undefined
    const kind = this.#replacer(
      {
        write: (buf, _start, _end, out, at) =>
          inner.write(buf, host?.host_start ?? 0, host?.host_end ?? 0, out, at),
        room: (length) => inner.room(length),
      },
      false,
    )
    this.#markers.push((view, into) => {
      host = view
      if (view.host_start < 0 || view.host_end === view.host_start) return
      into.add(view.host_start, view.host_end, kind)
      const mark = (start: number, end: number): void => into.add(start, end, kind)
      // A firewall line names no host: what looks like one there is an address of the flow, or the tenant's label.
      const flow = view.grammar !== 0 && (view.fw[Fw.source_ip] as number) >= 0
      if (view.host_end - view.host_start > HOST_MAX) return
      eachName(
        view.buf,
        view.host_end,
        flow ? view.msg_start : view.end,
        view.host_start,
        view.host_end,
        mark,
      )
    })
  }

  #markEntry({ fields, pattern, how }: RedactPlan, hash: KeyedHash, { plan, env }: EditorDeps): void {
    const partial = how.kind === 'keep' || how.kind === 'network'
    const compiled = pattern === null ? null : patternOf(pattern)
    for (const field of fields) {
      if (field === 'peer') continue
      const form = compiled === null ? (FORMS[field] ?? 'text') : 'text'
      const digits = field === 'firewall.rule_id' && how.kind === 'hash' && compiled === null
      const kind = this.#replacer(digits ? numberHash(hash) : makeReplacer(how, form, hash), partial)
      this.#markers.push(markField(field, compiled, kind, plan, env))
    }
  }

  #peerOf(peer: string, replacer: Replacer): string {
    if (peer === this.#last_peer) return this.#last_peer_text
    const bytes = Buffer.from(peer, 'latin1')
    const out = Buffer.alloc(replacer.room(bytes.length))
    this.#last_peer = peer
    this.#last_peer_text =
      peer === '' ? '' : out.toString('latin1', 0, replacer.write(bytes, 0, bytes.length, out, 0))
    return this.#last_peer_text
  }
}

function zonesOf({ sources }: ConditionEnv): string[] {
  return ['UTC', ...sources.map(({ zone }) => zone ?? 'UTC')]
}

type SpanMarker = (view: EventView, start: number, end: number, into: EditMarks) => void

function markField(
  field: RedactField,
  pattern: Pattern | null,
  kind: number,
  plan: RulesPlan,
  env: ConditionEnv,
): Marker {
  const span: SpanMarker =
    pattern === null
      ? (_, start, end, into) => into.add(start, end, kind)
      : (view, start, end, into) => pattern.each(view.buf, start, end, (from, to) => into.add(from, to, kind))
  if (field === 'body') {
    return (view, into) => {
      eachSdValue(view, null, (start, end) => span(view, start, end, into))
      span(view, view.msg_start, view.end, into)
    }
  }
  const reader = fieldReader(field, plan, env)
  if (reader.kind === 'parameter') {
    const { parameter } = reader
    return (view, into) => eachSdValue(view, parameter, (start, end) => span(view, start, end, into))
  }
  if (reader.kind !== 'span' && reader.kind !== 'number_span' && reader.kind !== 'address')
    throw new Error(`no bytes of an event are its ${field}`)
  const of: readonly SpanReader[] = reader.of
  return (view, into) => {
    for (const one of of) {
      const start = one.start(view)
      if (start >= 0 && one.end(view) > start) span(view, start, one.end(view), into)
    }
  }
}

/** All editors of a rule set, in the order of {@link RulesPlan.edits}; each is made when it is first asked. */
export function makeEditors(deps: EditorDeps): Editor[] {
  return deps.plan.edits.map((plan) => new Editor(plan, deps))
}

/** What a forwarder makes of its events. Made at its first event: a reload of thousands must not hold up what comes meanwhile. */
export class Editor {
  readonly #plan: EditPlan
  readonly #deps: EditorDeps
  #work: EditWork | undefined

  constructor(plan: EditPlan, deps: EditorDeps) {
    this.#plan = plan
    this.#deps = deps
  }

  /**
   * The event as it may be seen: good until any editor of the thread is asked again. `number`, another one for every
   * event, spares the work when the same editor is asked for the same event again.
   */
  edit(event: EventView, number = -1): EventView {
    this.#work ??= new EditWork(this.#plan, this.#deps)
    return this.#work.edit(event, number)
  }
}
