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

/** `stamp`: documents need `@timestamp` whatever their other names are. `tags` are added to every object. */
export function encodedJson(
  encoding: Encoding,
  deps: Pick<ForwardDeps, 'streams'>,
  stamp = false,
  tags: Tags = {},
): EventEncoder {
  const reader = new EventReader(deps.streams)
  const some = Object.keys(tags).length > 0
  switch (encoding) {
    case 'own': {
      const own = new JsonEncoder(reader)
      const tagged = some ? new Extended(own, 1, `,"tags":${JSON.stringify(tags)}}`) : own
      return stamp ? new Stamped(tagged, reader) : tagged
    }
    case 'otel': {
      const otel = new OtelEncoder(reader)
      // Behind the last attribute of the resource, which ends the object.
      const tagged = some ? new Extended(otel, 2, `${membersOf(tags)}}}`) : otel
      return stamp ? new Stamped(tagged, reader) : tagged
    }
    case 'ecs': {
      const ecs = new EcsEncoder(reader)
      return some ? new Extended(ecs, 1, `,"labels":${JSON.stringify(tags)}}`) : ecs
    }
  }
}

type Tags = Readonly<Record<string, string>>

/** Tags as members of a flat object that another encoder writes. */
export function withTags(encoder: EventEncoder, tags: Tags): EventEncoder {
  return Object.keys(tags).length === 0 ? encoder : new Extended(encoder, 1, `${membersOf(tags)}}`)
}

function membersOf(tags: Tags): string {
  return `,${JSON.stringify(tags).slice(1, -1)}`
}

/** The objects of another encoder with members behind their last: `braces` of their end are taken off, and are in `end`. */
class Extended implements EventEncoder {
  readonly clean = true
  readonly #encoder: EventEncoder
  readonly #braces: number
  readonly #end: JsonPiece

  constructor(encoder: EventEncoder, braces: number, end: string) {
    this.#encoder = encoder
    this.#braces = braces
    this.#end = new JsonPiece(end)
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    if (!this.#encoder.encode(out, batch, n)) return false
    out.length -= this.#braces
    out.putPiece(this.#end)
    return true
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
