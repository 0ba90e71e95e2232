/**
 * From a frame to its stream, firewall fields and label. One classifier is made per rules generation and worker; it
 * keeps nothing of an event once `classify` has returned.
 */
import { readDfw } from './dfw.ts'
import { clearFlow } from './flow.ts'
import { readGateway } from './gateway.ts'
import { scanHeader } from './header.ts'
import { readNsxvEdge } from './nsxv-edge.ts'
import { Alternative, GRAMMARS, ProgramTable } from './recognise.ts'
import type { StreamPlan } from './streams.ts'
import { Fw, Grammar, type EventView } from './view.ts'

/** Where a stream's label is: what the grammar leaves, nowhere, or else a slot of {@link Fw}. */
const LABEL_REST = -1
const LABEL_NONE = -2

/** See the module. */
export class Classifier {
  readonly #table: ProgramTable
  /** Per stream. */
  readonly #grammars: readonly Grammar[]
  readonly #labels: readonly number[]
  /** The grammar that the message at hand was last read by, and whether it fitted. */
  #read: Grammar = Grammar.none
  #fitted = false

  /** `streams` as in the rules' plan: index 0 is `other`, and the order decides. */
  constructor(streams: readonly StreamPlan[]) {
    this.#grammars = streams.map(({ grammar }) => GRAMMARS[grammar])
    this.#labels = streams.map(({ label }) => labelSlot(label))
    this.#table = new ProgramTable(
      streams.flatMap((plan, stream) => plan.match.map((match) => new Alternative(stream, plan, match))),
    )
  }

  /** Scans the header, then sets `stream`, `grammar`, the firewall fields and the label. Never throws. */
  classify(view: EventView): void {
    scanHeader(view)
    this.#read = Grammar.none
    const candidates = this.#table.find(view.buf, view.app_start, view.app_end)
    let stream = 0
    for (let i = 0; i < candidates.length; i += 1) {
      const one = candidates[i]!
      if ((!one.asks_header || one.headerFits(view)) && this.#bodyFits(view, one)) {
        stream = one.stream
        break
      }
    }
    this.#settle(view, stream)
  }

  /** The same for an event whose stream is known (read back from a batch): nothing is recognised anew. */
  read(view: EventView, stream: number): void {
    scanHeader(view)
    this.#read = Grammar.none
    this.#settle(view, stream)
  }

  #bodyFits(view: EventView, one: Alternative): boolean {
    if (one.grammar === Grammar.none) return one.rulesets.length === 0
    return this.#fits(view, one.grammar) && one.rulesetFits(view)
  }

  #fits(view: EventView, grammar: Grammar): boolean {
    if (this.#read === grammar) return this.#fitted
    this.#read = grammar
    this.#fitted = readGrammar(view, grammar)
    return this.#fitted
  }

  /** A stream whose grammar does not fit the message keeps the event, without fields and without a label. */
  #settle(view: EventView, stream: number): void {
    view.stream = stream
    const grammar = this.#grammars[stream] ?? Grammar.none
    if (grammar === Grammar.none) {
      if (view.grammar !== Grammar.none) {
        clearFlow(view)
        view.grammar = Grammar.none
      }
      return
    }
    if (!this.#fits(view, grammar)) return
    const slot = this.#labels[stream] ?? LABEL_NONE
    if (slot === LABEL_REST) return
    view.label_start = slot === LABEL_NONE ? -1 : view.fw[slot]!
    view.label_end = slot === LABEL_NONE || view.label_start < 0 ? -1 : view.fw[slot + 1]!
  }
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
