/** Events as event JSON (`logweir.event/1`), one object each, on one line. */
import type { JsonBuffer } from '../../base/json-buffer.ts'
import { writeEventJson } from '../../classify/event-json-writer.ts'
import type { Batch } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import type { EventReader } from './event-reader.ts'

export class JsonEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const { names } = batch
    const source = names.source(batch.source(n))
    const arrival = {
      id: batch.eventId(n),
      listener: names.listener(view.listener),
      source: source?.name ?? null,
      site: source?.site ?? null,
    }
    const ownership = names.owner(batch.owner(n))
    writeEventJson(view, names.stream(view.stream), out, { arrival, ownership, zone: source?.zone ?? 'UTC' })
    return true
  }
}
