/** Batches for tests: made by hand or by chance, with names that can be compared after a round trip. */
import { Buffer } from 'node:buffer'
import { Batch, type BatchNames, type OwnerName, type SourceName } from '../../src/queue/batch.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'

export interface MadeEvent {
  readonly text: string | Uint8Array
  readonly received_at?: number
  readonly owner?: number
  readonly stream?: number
  readonly peer?: string
  readonly listener?: number
  readonly source?: number
  readonly flags?: number
}

export interface MadeBatch {
  readonly events: readonly MadeEvent[]
  readonly sequence?: number
  readonly form?: PayloadForm
  readonly forwarder?: string
  readonly epoch?: number
  readonly worker?: number
  readonly generation?: number
  readonly first_position?: number
  /** Escape LF, CR and NUL as the newline form asks. */
  readonly escape?: boolean
  /** Left out: {@link testNames}. */
  readonly names?: BatchNames
}

const owners = new Map<number, OwnerName>()

/** Names that say their number; owner 0 and source 0 are nobody. */
export const testNames: BatchNames = {
  stream: (id) => (id === 0 ? 'other' : `stream.${id}`),
  owner(id) {
    if (id === 0) return null
    let owner = owners.get(id)
    if (owner === undefined) {
      const org = { id: `org-${id}`, name: id % 2 === 0 ? null : `Öрг ${id}` }
      owner = {
        tenant: `tenant-${id}`,
        owner: { org, org_vdc: null, data_center_group: null, gateway: null, by: 'label' },
      }
      owners.set(id, owner)
    }
    return owner
  },
  listener: (id) => `listener-${id}`,
  source: (id): SourceName | null => (id === 0 ? null : { name: `source-${id}`, site: null, zone: 'UTC' }),
}

/** A sealed batch of these events. */
export function makeBatch(made: MadeBatch): Batch {
  const identity = {
    epoch: made.epoch ?? 1_700_000_000_000,
    worker: made.worker ?? 0,
    forwarder: made.forwarder ?? 'acme/siem',
    generation: made.generation ?? 1,
  }
  const texts = made.events.map((event) => Buffer.from(event.text as string))
  const batch = new Batch(
    made.form ?? PayloadForm.newline,
    identity,
    made.names ?? testNames,
    Buffer.alloc(0),
  )
  const room = texts.reduce((sum, text) => sum + batch.room(text.length, true), 0)
  batch.payload = Buffer.allocUnsafeSlow(Math.max(room, 1))
  batch.first_position = made.first_position ?? 0
  made.events.forEach((event, i) => {
    const buf = texts[i] as Buffer
    const appended = {
      buf,
      start: 0,
      end: buf.length,
      flags: event.flags ?? 0,
      received_at: event.received_at ?? 1_700_000_000_000 + i,
      stream: event.stream ?? 1,
      listener: event.listener ?? 1,
      source: event.source ?? 0,
      peer: event.peer ?? '192.0.2.1',
    }
    batch.append(appended, event.owner ?? 1, made.escape ?? true)
  })
  batch.seal(made.sequence ?? 0)
  return batch
}

/** Everything of a batch that its written form keeps, as plain values for `toEqual`. */
export function describeBatch(batch: Batch): unknown {
  const events = []
  for (let n = 0; n < batch.events; n++) {
    const at = batch.offset(n)
    events.push({
      text: batch.payload.toString('latin1', at, at + batch.length(n)),
      received_at: batch.received_at(n),
      owner: batch.names.owner(batch.owner(n)),
      stream: batch.names.stream(batch.stream(n)),
      listener: batch.names.listener(batch.listener(n)),
      source: batch.names.source(batch.source(n)),
      peer: batch.peer(n),
      flags: batch.flags(n),
      id: batch.eventId(n),
    })
  }
  const { form, identity, sequence, first_position } = batch
  const payload = batch.payload.toString('latin1', 0, batch.used)
  return { form, identity: { ...identity }, sequence, first_position, payload, events }
}
