/** Event JSON under the names that a destination expects: our own, Elastic Common Schema, OpenTelemetry. */
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { putUtc } from '../../classify/timestamp.ts'
import type { Batch } from '../../queue/batch.ts'
import type { Encoding } from '../../rules/forwarder-settings.ts'
import type { ForwardDeps } from '../types.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { EcsEncoder } from './ecs.ts'
import { eventTime, EventReader } from './event-reader.ts'
import { JsonEncoder } from './json.ts'
import { OtelEncoder } from './otel.ts'

/** `stamp`: documents need `@timestamp` whatever their other names are. */
export function encodedJson(
  encoding: Encoding,
  deps: Pick<ForwardDeps, 'streams'>,
  stamp = false,
): EventEncoder {
  const reader = new EventReader(deps.streams)
  switch (encoding) {
    case 'own':
      return stamp ? new Stamped(new JsonEncoder(reader), reader) : new JsonEncoder(reader)
    case 'otel':
      return stamp ? new Stamped(new OtelEncoder(reader), reader) : new OtelEncoder(reader)
    case 'ecs':
      return new EcsEncoder(reader)
  }
}

const STAMP = new JsonPiece(',"@timestamp":')
const CLOSE = 0x7d

/** Adds `@timestamp` to the objects of another encoder, which read the event with this very reader. */
class Stamped implements EventEncoder {
  readonly clean = true
  readonly #encoder: EventEncoder
  readonly #reader: EventReader

  constructor(encoder: EventEncoder, reader: EventReader) {
    this.#encoder = encoder
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    if (!this.#encoder.encode(out, batch, n)) return false
    // Before the brace that closes it.
    out.length -= 1
    out.putPiece(STAMP)
    putUtc(out, eventTime(this.#reader.view, batch, n))
    out.putByte(CLOSE)
    return true
  }
}
