/** Events as event JSON (`logweir.event/1`), one object each, on one line. */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { EVENT_SCHEMA } from '../../classify/event-json.ts'
import { writeEventRest } from '../../classify/event-json-writer.ts'
import { putUtc } from '../../classify/timestamp.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { EventIds } from './event-ids.ts'
import type { EventReader } from './event-reader.ts'

const OPEN = new JsonPiece(`{"schema":"${EVENT_SCHEMA}","id":`)
const RECEIVED_AT = new JsonPiece(',"received_at":')
/** Ways of arrival of a batch beyond this are not remembered, only made again. */
const WAYS_MAX = 4096

/** What is the same for all events of a listener, a source and a stream: what stands before their peer, and behind it. */
interface Way {
  readonly before: Buffer
  readonly behind: Buffer
  readonly zone: string
}

export class JsonEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  readonly #ids = new EventIds()
  readonly #ways = new Map<number, Way>()
  #names: BatchNames | undefined
  #last_key = -1
  #last: Way | undefined

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const way = this.#wayOf(batch.names, view.listener, batch.source(n), view.stream)
    out.putPiece(OPEN)
    this.#ids.put(out, batch, n)
    out.putPiece(RECEIVED_AT)
    putUtc(out, view.received_at)
    out.putRaw(way.before)
    out.putText(view.peer)
    out.putRaw(way.behind)
    writeEventRest(view, out, batch.names.owner(batch.owner(n)), way.zone)
    return true
  }

  #wayOf(names: BatchNames, listener: number, source: number, stream: number): Way {
    if (names !== this.#names) {
      this.#names = names
      this.#ways.clear()
      this.#last = undefined
    }
    const key = (listener * 65_536 + source) * 65_536 + stream
    if (key === this.#last_key && this.#last !== undefined) return this.#last
    let way = this.#ways.get(key)
    if (way === undefined) {
      way = describe(names, listener, source, stream)
      if (this.#ways.size < WAYS_MAX) this.#ways.set(key, way)
    }
    this.#last_key = key
    this.#last = way
    return way
  }
}

function describe(names: BatchNames, listener: number, source: number, stream: number): Way {
  const from = names.source(source)
  const of = (key: string, value: string | null): string => `,"${key}":${JSON.stringify(value)}`
  const behind = of('source', from?.name ?? null) + of('site', from?.site ?? null)
  return {
    before: Buffer.from(`${of('listener', names.listener(listener))},"peer":`),
    behind: Buffer.from(behind + of('stream', names.stream(stream))),
    zone: from?.zone ?? 'UTC',
  }
}
