/**
 * A lane for tests: hands out batches in order like a forwarder's queue, and keeps a ledger: everything that was
 * leased is settled or given back exactly once, and what is neither is in flight.
 */
import assert from 'node:assert/strict'
import type { Batch } from '../../src/queue/batch.ts'
import type { Destination, DropReason, Lane } from '../../src/queue/lane.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import type { ForwardDeps, ForwardLog } from '../../src/forward/types.ts'
import { systemClock } from '../../src/base/clock.ts'
import { makeBatch, type MadeEvent } from './batches.ts'

type Dropped = Readonly<Partial<Record<DropReason, number>>>

export class FakeLane implements Lane {
  readonly key = 'acme/siem'
  readonly settled: Batch[] = []
  readonly dropped: Partial<Record<DropReason, number>> = {}
  /** Batches that were given back, each time they were. */
  readonly returned: Batch[] = []
  leases = 0
  bytes = 0
  /** Memory that the destination holds now, and the most it held. */
  held = 0
  held_most = 0
  #waiting: Batch[] = []
  readonly #in_flight = new Set<Batch>()
  readonly #form: PayloadForm
  readonly #watchers = new Set<() => void>()
  #sequence = 0
  destination: Destination | undefined

  constructor(form: PayloadForm = PayloadForm.newline) {
    this.#form = form
  }

  /** Seals a batch of these texts or events and wakes the destination. */
  add(...events: readonly (string | MadeEvent)[]): Batch {
    const made = events.map((event) =>
      typeof event === 'string' ? { text: event, owner: 0, stream: 0 } : event,
    )
    const escape = this.#form === PayloadForm.newline
    const batch = makeBatch({ events: made, sequence: this.#sequence, form: this.#form, escape })
    this.#sequence += 1
    this.#waiting.push(batch)
    this.destination?.wake()
    return batch
  }

  /** Joins a destination to the lane, as the queue does. */
  attach<T extends Destination>(destination: T): T {
    this.destination = destination
    destination.wake()
    return destination
  }

  lease(): Batch | undefined {
    const batch = this.#waiting.shift()
    if (batch === undefined) return undefined
    this.leases += 1
    this.#in_flight.add(batch)
    return batch
  }

  settle(batch: Batch, dropped: Dropped = {}): void {
    assert(this.#in_flight.delete(batch), 'settled a batch that is not in flight')
    this.settled.push(batch)
    for (const [reason, count] of Object.entries(dropped)) {
      const name = reason as DropReason
      this.dropped[name] = (this.dropped[name] ?? 0) + count
    }
    this.#tell()
  }

  giveBack(batch: Batch): void {
    assert(this.#in_flight.delete(batch), 'gave back a batch that is not in flight')
    this.returned.push(batch)
    const at = this.#waiting.findIndex((other) => other.sequence > batch.sequence)
    this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, batch)
    this.#tell()
  }

  hold(bytes: number): void {
    this.held += bytes
    this.held_most = Math.max(this.held_most, this.held)
    assert(this.held >= 0, 'gave back more memory than was held')
    this.#tell()
  }

  wrote(bytes: number): void {
    this.bytes += bytes
    this.#tell()
  }

  get in_flight(): number {
    return this.#in_flight.size
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get in_flight_bytes(): number {
    let bytes = 0
    for (const batch of this.#in_flight) bytes += batch.used
    return bytes
  }

  /** Resolves when `holds` does; looked at after every call of the destination. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!holds()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
    })
  }

  #tell(): void {
    for (const watch of this.#watchers) watch()
  }

  /** Every batch is in one place: settled, waiting or in flight. */
  check(): void {
    const all = this.settled.length + this.#waiting.length + this.#in_flight.size
    assert.equal(all, this.#sequence, 'a batch was lost or counted twice')
    assert.equal(new Set(this.settled).size, this.settled.length)
  }
}

/** Settings as the rules' reader would fill them in. */
export function testSettings(
  over: Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>,
): ForwarderSettings {
  return {
    type: 'syslog',
    failover: [],
    from_address: null,
    format: 'original',
    tags: {},
    encoding: 'own',
    framing: 'newline',
    queue: { memory_max: 8_388_608, disk_max: 1_073_741_824, when_full: 'drop_oldest' },
    spool: 'overflow',
    replay: 4_194_304,
    retry: { first: 20, max: 100 },
    concurrency: 1,
    timeout: { connect: 5000, request: 5000 },
    tls: { ca: null, certificate: null, key: null, fingerprint: null, server_name: null },
    http: {
      token: null,
      login: null,
      headers: {},
      gzip: true,
      batch_bytes: 900_000,
      batch_events: 2000,
      body: 'array',
      structure: 'default',
      proxy: 'none',
      dead_letters: 8_388_608,
      hec: null,
      elasticsearch: null,
      cfapi: null,
    },
    rotate: { size: 104_857_600, keep: 5, every: null, gzip: false, fsync: false, mode: 0o640 },
    ...over,
  }
}

/** Keeps the lines that were logged. */
export class TestLog implements ForwardLog {
  readonly lines: string[] = []
  info(_: unknown, message: string): void {
    this.lines.push(`info ${message}`)
  }
  warn(_: unknown, message: string): void {
    this.lines.push(`warn ${message}`)
  }
  error(_: unknown, message: string): void {
    this.lines.push(`error ${message}`)
  }
}

/** Real time, chance pinned to the middle. */
export function testDeps(over: Partial<ForwardDeps> = {}): ForwardDeps {
  return {
    clock: systemClock,
    random: () => 0.5,
    log: new TestLog(),
    workers: 1,
    hostname: 'router.example.com',
    idle: 60_000,
    streams: () => [],
    ...over,
  }
}
