/**
 * The fields of an event that stands in a batch, for formats that need them again. Only the header and, where
 * asked for, the grammar of the stream that the index names are read: streams are not recognised anew, so that
 * what a batch says stays what the router decided.
 */
import { Classifier } from '../../classify/classifier.ts'
import { scanHeader } from '../../classify/header.ts'
import type { StreamPlan } from '../../classify/streams.ts'
import { eventMs } from '../../classify/timestamp.ts'
import { EventFlag, EventView } from '../../classify/view.ts'
import type { Batch } from '../../queue/batch.ts'

/** What framing said of an event; the rest of the flags is found again. */
const FRAMING_FLAGS = EventFlag.truncated | EventFlag.control

/** One classifier a rule set, for all destinations of the thread. */
const classifiers = new WeakMap<readonly StreamPlan[], Classifier>()

/** For all readers of the thread: what it shows is used before the next event is asked for. Its numbers are in scarce memory. */
let shared: EventView | undefined

export class EventReader {
  readonly view: EventView
  readonly #streams: () => readonly StreamPlan[]
  #batch: Batch | undefined
  #classifier: Classifier | undefined
  #plan: readonly StreamPlan[] = []
  /** Stream numbers of the last batch to those of the rules at hand; 0 (`other`) for a stream that is gone. */
  readonly #numbers = new Map<number, number>()

  constructor(streams: () => readonly StreamPlan[]) {
    this.#streams = streams
    shared ??= new EventView()
    this.view = shared
  }

  /** Points the view at event `n` and reads its header. */
  header(batch: Batch, n: number): EventView {
    this.#point(batch, n)
    scanHeader(this.view)
    return this.view
  }

  /** The same, and firewall fields and label where the event's stream has a grammar. */
  fields(batch: Batch, n: number): EventView {
    this.#point(batch, n)
    if (batch !== this.#batch || this.#classifier === undefined) this.#begin(batch)
    const view = this.view
    const stream = view.stream
    this.#classifier?.read(view, this.#numberOf(batch, stream))
    view.stream = stream
    return view
  }

  #point(batch: Batch, n: number): void {
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
  }

  #begin(batch: Batch): void {
    this.#batch = batch
    this.#numbers.clear()
    const plan = this.#streams()
    if (plan === this.#plan && this.#classifier !== undefined) return
    this.#plan = plan
    let classifier = classifiers.get(plan)
    if (classifier === undefined) {
      classifier = new Classifier(plan)
      classifiers.set(plan, classifier)
    }
    this.#classifier = classifier
  }

  #numberOf(batch: Batch, stream: number): number {
    let number = this.#numbers.get(stream)
    if (number === undefined) {
      const name = batch.names.stream(stream)
      number = Math.max(
        this.#plan.findIndex((plan) => plan.name === name),
        0,
      )
      this.#numbers.set(stream, number)
    }
    return number
  }
}

/** When event `n` happened, whose header `view` holds: milliseconds since the epoch, by the clock of its source's zone. */
export function eventTime(view: EventView, batch: Batch, n: number): number {
  const source = batch.source(n)
  return eventMs(view, source === 0 ? 'UTC' : (batch.names.source(source)?.zone ?? 'UTC'))
}
