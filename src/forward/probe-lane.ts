/** A lane that holds one event, for `forwarder test`: the destination's own code sends it, and no ledger counts it. */
import { Buffer } from 'node:buffer'
import type { DropReason } from '../base/counters.ts'
import { Batch, type BatchIdentity, type BatchNames, type OwnerName } from '../queue/batch.ts'
import type { Lane } from '../queue/lane.ts'
import { payloadForm } from './create.ts'
import type { ForwarderTarget } from './types.ts'

/** Who the event is of: null for the provider's forwarders. */
export interface ProbeEvent {
  readonly tenant: OwnerName | null
  readonly identity: BatchIdentity
  /** Milliseconds since the epoch. */
  readonly wall: number
}

export class ProbeLane implements Lane {
  readonly key: string
  readonly #batch: Batch
  #leased = false
  settled = false
  /** Of the event, when it was settled and not delivered. */
  dropped: DropReason | null = null

  constructor(forwarder: ForwarderTarget, event: ProbeEvent) {
    this.key = forwarder.key
    this.#batch = probeBatch(forwarder, event)
  }

  lease(): Batch | undefined {
    if (this.#leased || this.settled) return undefined
    this.#leased = true
    return this.#batch
  }

  settle(_: Batch, dropped?: Readonly<Partial<Record<DropReason, number>>>): void {
    this.settled = true
    for (const [reason, events] of Object.entries(dropped ?? {}))
      if (events > 0) this.dropped = reason as DropReason
  }

  giveBack(): void {
    this.#leased = false
  }

  hold(): void {}

  wrote(): void {}
}

/** One event of facility user and severity informational; its names say what it is. */
function probeBatch(forwarder: ForwarderTarget, { tenant, identity, wall }: ProbeEvent): Batch {
  const time = new Date(wall).toISOString()
  const text = Buffer.from(
    `<14>1 ${time} logweir logweir - probe - test of forwarder ${forwarder.key}: this event is no event of yours`,
  )
  const names: BatchNames = {
    stream: () => 'other',
    owner: (id) => (id === 0 ? null : tenant),
    listener: () => 'probe',
    source: () => null,
  }
  const batch = new Batch(payloadForm(forwarder.settings), identity, names, Buffer.alloc(text.length + 64))
  const whole = { buf: text, start: 0, end: text.length, flags: 0, received_at: wall }
  batch.append(
    { ...whole, stream: 0, listener: 0, source: 0, peer: '127.0.0.1' },
    tenant === null ? 0 : 1,
    false,
  )
  // No sequence number of a queue is as high: a destination that knows events by identity takes each probe for new.
  batch.seal(Math.floor(wall))
  return batch
}
