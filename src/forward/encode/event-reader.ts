/**
 * The fields of an event that stands in a batch, for formats that need them again. Only the header and, where
 * asked for, the grammar of the stream that the index names are read: streams are not recognised anew, so that
 * what a batch says stays what the router decided.
 */
import { readDfw } from '../../classify/dfw.ts'
import { readGateway } from '../../classify/gateway.ts'
import { scanHeader } from '../../classify/header.ts'
import { readNsxvEdge } from '../../classify/nsxv-edge.ts'
import type { StreamPlan } from '../../classify/streams.ts'
import { EventFlag, EventView, Grammar } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'

/** What framing said of an event; the rest of the flags is found again. */
const FRAMING_FLAGS = EventFlag.truncated | EventFlag.control

export class EventReader {
  readonly view = new EventView()
  readonly #streams: () => readonly StreamPlan[]
  /** The grammar of each stream number of the last batch. */
  readonly #grammars = new Map<number, StreamPlan['grammar']>()
  #batch: Batch | undefined

  constructor(streams: () => readonly StreamPlan[]) {
    this.#streams = streams
  }

  /** Points the view at event `n` and reads its header. */
  header(batch: Batch, n: number): EventView {
    const view = this.view
    const start = batch.offset(n)
    view.buf = batch.payload
    view.start = start
    view.end = start + batch.length(n)
    view.flags = batch.flags(n) & FRAMING_FLAGS
    view.received_at = batch.received_at(n)
    view.listener = batch.listener(n)
    view.source = batch.source(n)
    view.stream = batch.stream(n)
    view.peer = batch.peer(n)
    scanHeader(view)
    return view
  }

  /** The same, and the firewall fields where the event's stream has a grammar. */
  fields(batch: Batch, n: number): EventView {
    const view = this.header(batch, n)
    view.grammar = Grammar.none
    view.label_start = -1
    view.label_end = -1
    const grammar = this.#grammar(batch, view.stream)
    if (grammar === 'dfw') readDfw(view)
    else if (grammar === 'gateway') readGateway(view)
    else if (grammar === 'nsxv_edge') readNsxvEdge(view)
    return view
  }

  #grammar(batch: Batch, stream: number): StreamPlan['grammar'] {
    if (batch !== this.#batch) {
      this.#batch = batch
      this.#grammars.clear()
    }
    let grammar = this.#grammars.get(stream)
    if (grammar === undefined) {
      const name = batch.names.stream(stream)
      grammar = this.#streams().find((plan) => plan.name === name)?.grammar ?? 'none'
      this.#grammars.set(stream, grammar)
    }
    return grammar
  }
}
