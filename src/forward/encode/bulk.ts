/**
 * Events as pairs of lines of Elasticsearch's and OpenSearch's `_bulk`: what to do (`create` into which index, under
 * which id), and the document. The id is the event's identity, so that what is sent twice is there once.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import type { Batch } from '../../queue/batch.ts'
import type { ElasticsearchOptions } from '../../rules/forwarder-settings.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { EventIds } from './event-ids.ts'
import { expand, PerOwner } from './per-owner.ts'

const END = new JsonPiece('}}\n')

export class BulkEncoder implements EventEncoder {
  readonly clean = true
  readonly #document: EventEncoder
  readonly #action: PerOwner
  readonly #ids = new EventIds()

  /** `document` writes one JSON object without a line end. */
  constructor(document: EventEncoder, { index, op, pipeline }: ElasticsearchOptions) {
    this.#document = document
    this.#action = new PerOwner((names, stream, owner) => {
      // Indexes are named in lower case.
      const meta = {
        _index: expand(index, names, stream, owner).toLowerCase(),
        ...(pipeline === null ? {} : { pipeline }),
      }
      return Buffer.from(`{"${op}":${JSON.stringify(meta).slice(0, -1)},"_id":`)
    })
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    out.putRaw(this.#action.of(batch, batch.stream(n), batch.owner(n)))
    this.#ids.put(out, batch, n)
    out.putPiece(END)
    return this.#document.encode(out, batch, n)
  }
}
