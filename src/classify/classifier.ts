/**
 * From a frame to its stream, firewall fields and label. One classifier is made per rules generation and worker; it
 * keeps nothing of an event once `classify` has returned.
 */
import { Buffer } from 'node:buffer'
import { readDfw } from './dfw.ts'
import { clearFlow } from './flow.ts'
import { readGateway } from './gateway.ts'
import { MARK, scanHeader } from './header.ts'
import { familyOf, innerField } from './inner.ts'
import { isEsxi } from './inner-esxi.ts'
import { isVcd } from './inner-vcd.ts'
import { isVcenter } from './inner-vcenter.ts'
import { scanQuick } from './quick/quick-scan.ts'
import { readNsxvEdge } from './nsxv-edge.ts'
import { type Candidates, type Narrowed, ProgramTable } from './candidates.ts'
import { Alternative, GRAMMARS } from './recognise.ts'
import type { StreamPlan } from './streams.ts'
import { type EventView, Fw, Grammar, type InnerCapture } from './view.ts'

/** Where a stream's label is: what the grammar leaves, nowhere, or else a slot of {@link Fw}. */
const LABEL_REST = -1
const LABEL_NONE = -2

/** See the module. */
export class Classifier {
  readonly #table: ProgramTable
  /** Per stream. */
  readonly #grammars: readonly Grammar[]
  readonly #labels: readonly number[]
  readonly #families: readonly Grammar[]
  readonly #captures: readonly (readonly InnerCapture[])[]
  /** The grammar that the message at hand was last read by, and whether it fitted. */
  #read: Grammar = Grammar.none
  #fitted = false

  /** `streams` as in the rules' plan: index 0 is `other`, and the order decides. */
  constructor(streams: readonly StreamPlan[]) {
    const grammars = streams.map(({ grammar }) => GRAMMARS[grammar])
    this.#grammars = grammars.map((grammar) => (isFirewall(grammar) ? grammar : Grammar.none))
    this.#families = grammars.map((grammar) => (familyOf(grammar) === undefined ? Grammar.none : grammar))
    this.#captures = streams.map(capturesOf)
    this.#labels = streams.map(({ label }) => labelSlot(label))
    this.#table = new ProgramTable(
      streams.flatMap((plan, stream) => plan.match.map((match) => new Alternative(stream, plan, match))),
    )
  }

  /** Scans the header, then sets `stream`, `grammar`, the firewall fields and the label. Never throws. */
  classify(view: EventView): void {
    this.#scan(view)
    const candidates = this.#table.find(view)
    const narrowed = candidates.of(view)
    const { decided } = narrowed
    this.#settle(view, decided >= 0 ? decided : this.#choose(view, candidates, narrowed))
  }

  /** The stream of the first way that fits; 0: none does. */
  #choose(view: EventView, candidates: Candidates, { some, behind }: Narrowed): number {
    const stream = this.#firstOf(view, candidates, some)
    if (stream >= 0) return stream
    if (behind < 0) return 0
    const { decided, some: others } = candidates.ofId(view, behind)
    return decided >= 0 ? decided : Math.max(0, this.#firstOf(view, candidates, others))
  }

  /** The stream of the first of these ways that fits; -1: none does. */
  #firstOf(view: EventView, candidates: Candidates, some: readonly Alternative[]): number {
    for (let i = 0; i < some.length; i += 1) {
      const one = some[i]!
      if (one.asks_header && !candidates.headerFits(view, one)) continue
      if (this.#bodyFits(view, one)) return one.stream
    }
    return -1
  }

  /** The same for an event whose stream is known (read back from a batch): nothing is recognised anew. */
  read(view: EventView, stream: number): void {
    this.#scan(view)
    this.#settle(view, stream)
  }

  #scan(view: EventView): void {
    // A byte order mark before the message of any form is the scanner's.
    if (scanQuick(view) && (view.msg_start >= view.end || view.buf[view.msg_start] !== MARK)) {
      this.#read = view.grammar
      this.#fitted = true
    } else {
      scanHeader(view)
      this.#read = Grammar.none
    }
  }

  #bodyFits(view: EventView, one: Alternative): boolean {
    if (one.grammar === Grammar.none) return one.rulesets.length === 0
    return this.#fits(view, one.grammar) && one.rulesetFits(view)
  }

  #fits(view: EventView, grammar: Grammar): boolean {
    if (!isFirewall(grammar)) return beginsAsFamily(view, grammar)
    if (this.#read === grammar) return this.#fitted
    this.#read = grammar
    this.#fitted = readGrammar(view, grammar)
    return this.#fitted
  }

  /** A stream whose grammar does not fit the message keeps the event, without fields and without a label. */
  #settle(view: EventView, stream: number): void {
    view.stream = stream
    view.inner_read = false
    view.family = this.#families[stream] ?? Grammar.none
    view.captures = this.#captures[stream] ?? NO_CAPTURES
    const grammar = this.#grammars[stream] ?? Grammar.none
    if (grammar === Grammar.none) {
      if (view.grammar !== Grammar.none) {
        clearFlow(view)
        view.grammar = Grammar.none
      }
      return
    }
    if (!this.#fits(view, grammar)) {
      view.family = Grammar.none
      return
    }
    const slot = this.#labels[stream] ?? LABEL_NONE
    if (slot === LABEL_REST) return
    view.label_start = slot === LABEL_NONE ? -1 : view.fw[slot]!
    view.label_end = slot === LABEL_NONE || view.label_start < 0 ? -1 : view.fw[slot + 1]!
  }
}

function isFirewall(grammar: Grammar): boolean {
  return grammar === Grammar.dfw || grammar === Grammar.gateway || grammar === Grammar.nsxv_edge
}

/** Whether the message begins as a family's do; NSX and Cloud Foundry say it in their headers only. */
function beginsAsFamily(view: EventView, grammar: Grammar): boolean {
  if (grammar === Grammar.esxi) return isEsxi(view)
  if (grammar === Grammar.vcenter) return isVcenter(view)
  return grammar === Grammar.vcd && isVcd(view)
}

const NO_CAPTURES: readonly InnerCapture[] = []

/** A stream's captures, ready for bytes; fields that its grammar does not have are left out (the rules' reader names them). */
function capturesOf({ grammar, captures }: StreamPlan): readonly InnerCapture[] {
  if (captures === undefined) return NO_CAPTURES
  return Object.entries(captures).flatMap(([key, { after, keep, until }]): InnerCapture[] => {
    const field = innerField(`${grammar}.${key}`)
    if (field === undefined) return []
    const ends = new Uint8Array(256)
    for (const c of Buffer.from(until)) ends[c] = 1
    return [{ slot: field.slot, after: after.map((text) => Buffer.from(text)), keep, until: ends }]
  })
}

/** Reads the message by one grammar; false, with no fields and no label set, when it does not fit. */
export function readGrammar(view: EventView, grammar: Grammar): boolean {
  if (grammar === Grammar.dfw) return readDfw(view)
  if (grammar === Grammar.gateway) return readGateway(view)
  return grammar === Grammar.nsxv_edge && readNsxvEdge(view)
}

function labelSlot(label: StreamPlan['label']): number {
  if (label === 'rest') return LABEL_REST
  if (label === 'none') return LABEL_NONE
  if (label.capture === 'label') return LABEL_REST
  const slot = Object.entries(Fw).find(([name]) => name === label.capture)?.[1]
  return slot === undefined || slot === Fw.slots ? LABEL_NONE : slot
}
