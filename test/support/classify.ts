/** Lines through the classifier with the shipped streams. */
import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import { Classifier } from '../../src/classify/classifier.ts'
import { type EventContext, type EventJson, eventObject } from '../../src/classify/event-json.ts'
import type { StreamPlan } from '../../src/classify/streams.ts'
import { EventView } from '../../src/classify/view.ts'
import { readRules } from '../../src/rules/read.ts'

/** The example tenants: without them the shipped rules read the same. */
const RULES = join(import.meta.dirname, '../../examples/rules')

const OTHER: StreamPlan = { name: 'other', grammar: 'none', match: [], label: 'none', label_formats: [] }

/** The streams of `rules/vmware.yaml` as the rules' plan numbers them. */
export function shippedStreams(): readonly StreamPlan[] {
  const { model } = readRules(RULES, { forwarders_per_tenant: 10, file_max: 1024 * 1024 }, {})
  if (model === undefined) throw new Error('the shipped rules have errors')
  return [OTHER, ...model.streams]
}

export const RECEIVED_AT = Date.UTC(2026, 1, 3, 13, 0, 0)

/** Puts bytes into a view, with other bytes around them that nothing may read. */
export function viewOf(line: Buffer | string, received_at = RECEIVED_AT): EventView {
  const bytes = Buffer.from(line)
  const view = new EventView()
  view.buf = Buffer.concat([Buffer.from('<13>'), bytes, Buffer.from(' INET tail]: "')])
  view.start = 4
  view.end = 4 + bytes.length
  view.received_at = received_at
  return view
}

/** One classifier and one view for many lines, as a worker has them. */
export class Reader {
  readonly streams: readonly StreamPlan[]
  readonly view = new EventView()
  readonly #classifier: Classifier

  constructor(streams = shippedStreams()) {
    this.streams = streams
    this.#classifier = new Classifier(streams)
  }

  read(line: Buffer | string): EventView {
    const fresh = viewOf(line)
    const { view } = this
    view.buf = fresh.buf
    view.start = fresh.start
    view.end = fresh.end
    view.flags = 0
    view.received_at = fresh.received_at
    this.#classifier.classify(view)
    return view
  }

  json(line: Buffer | string, context?: EventContext): EventJson {
    const view = this.read(line)
    return eventObject(view, this.streamName(), context)
  }

  streamName(): string {
    return this.streams[this.view.stream]?.name ?? '?'
  }
}

/** The lines of a file as bytes, without their ends. */
export function linesOf(file: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let p = 0; p < file.length; ) {
    const lf = file.indexOf(0x0a, p)
    const end = lf === -1 ? file.length : lf
    lines.push(file.subarray(p, end))
    p = end + 1
  }
  return lines
}
