/** What `spool export` writes and `spool import` reads: one JSON object a line. */
import { Buffer } from 'node:buffer'
import { parseBatch } from '../../queue/batch-codec.ts'
import type { SpoolRow } from '../../queue/spool-port.ts'
import { refusalOf } from '../../spool/staging.ts'

const BATCH_SCHEMA = 'logweir.spool-batch/1'
const EVENT_SCHEMA = 'logweir.spool-event/1'
/** A line of a batch of 16 MiB, and more than that is none of ours. */
const LINE_MAX = 64 * 1024 * 1024

/** The batch as it was written, and what a reader wants to know of it without taking it apart. */
export function batchLine(key: string, row: SpoolRow): string {
  const { events, bytes } = row
  return JSON.stringify({
    schema: BATCH_SCHEMA,
    forwarder: key,
    events,
    bytes: Buffer.from(bytes).toString('base64'),
  })
}

/** Each event of the batch with what is known of it, and its bytes. */
export function* eventLines(key: string, row: SpoolRow): Generator<string> {
  const batch = parseBatch(row.bytes)
  for (let n = 0; n < batch.events; n++) {
    const bytes = batch.payload.subarray(batch.offset(n), batch.offset(n) + batch.length(n))
    const owner = batch.names.owner(batch.owner(n))
    yield JSON.stringify({
      schema: EVENT_SCHEMA,
      forwarder: key,
      id: batch.eventId(n),
      received_at: new Date(batch.received_at(n)).toISOString(),
      listener: batch.names.listener(batch.listener(n)),
      peer: batch.peer(n),
      source: batch.names.source(batch.source(n))?.name ?? null,
      stream: batch.names.stream(batch.stream(n)),
      tenant: owner?.tenant ?? null,
      text: bytes.toString('utf8'),
      bytes: bytes.toString('base64'),
    })
  }
}

/** A line as a row; or why it is none. */
export function readBatchLine(line: string): { readonly key: string; readonly row: SpoolRow } | string {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(line) as Record<string, unknown>
  } catch {
    return 'it is not JSON'
  }
  const { schema, forwarder, bytes } = value ?? {}
  if (schema === EVENT_SCHEMA) return 'it is an event: export with `--as batches` what shall be imported'
  if (schema !== BATCH_SCHEMA || typeof forwarder !== 'string' || typeof bytes !== 'string')
    return `it is no ${BATCH_SCHEMA}`
  const raw = new Uint8Array(Buffer.from(bytes, 'base64'))
  try {
    const batch = parseBatch(raw.slice().buffer)
    const refusal = refusalOf(batch, forwarder)
    if (refusal !== undefined) return refusal
    return { key: forwarder, row: { sequence: batch.sequence, events: batch.events, bytes: raw.buffer } }
  } catch (error) {
    return `the batch is damaged: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Lines of a stream of bytes. @throws when one is longer than any of ours. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      yield Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8')
      parts = []
      length = 0
      rest = rest.subarray(end + 1)
    }
    length += rest.length
    if (length > LINE_MAX) throw new Error(`a line is longer than ${LINE_MAX} bytes`)
    // The chunk's memory is used again by the stream.
    if (rest.length > 0) parts.push(Buffer.from(rest))
  }
  if (length > 0) yield Buffer.concat(parts).toString('utf8')
}
