/** The listeners of a worker: opened, changed and closed to what the settings say. */
import type { Clock } from '../base/clock.ts'
import { add, type Counters, ListenerCell, REFUSE_REASONS, SourceCell } from '../base/counters.ts'
import type { ListenerSettings, Settings } from '../config/types.ts'
import { createListener } from '../listen/create.ts'
import type { OwnListener } from '../forward/address-guard.ts'
import type { Intake, Listener, ListenerTally, RefuseReason } from '../listen/types.ts'
import type { ListeningAnswer, LogLevel, MeasureAnswer } from './protocol.ts'
import { sourceNames } from './source-counts.ts'

export interface ListenersDeps {
  readonly intake: Intake
  readonly clock: Clock
  readonly workers: number
  readonly counters: Counters
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void
}

interface Open {
  readonly listener: Listener
  /** JSON of what it was made with. */
  readonly made_with: string
}

export class Listeners {
  readonly #deps: ListenersDeps
  readonly #open = new Map<string, Open>()
  #settings: Settings | undefined
  #stopped = false
  /** The node is drained: nothing is opened until {@link reopen}. */
  #closed = false

  constructor(deps: ListenersDeps) {
    this.#deps = deps
  }

  configure(settings: Settings): void {
    this.#settings = settings
  }

  /** Closes what is not in `settings` or stands there otherwise. */
  async retire(settings: Settings): Promise<void> {
    const wanted = new Map(
      settings.listeners.map((listener, index) => [listener.name, fingerprint(listener, index, settings)]),
    )
    for (const [name, { listener, made_with }] of [...this.#open]) {
      if (wanted.get(name) === made_with) continue
      this.#open.delete(name)
      await listener.stop(1000)
    }
  }

  /** Opens what is missing, lets the rest read its certificates again. */
  async apply(ports: Readonly<Record<string, number>>): Promise<ListeningAnswer['listeners']> {
    const settings = this.#settings
    if (settings === undefined) return []
    for (const [index, listener] of settings.listeners.entries()) {
      if (this.#stopped || this.#closed) return []
      const open = this.#open.get(listener.name)
      if (open === undefined) await this.#start(listener, index, settings, ports[listener.name] ?? 0)
      else await open.listener.reload?.()
    }
    return this.addresses()
  }

  addresses(): ListeningAnswer['listeners'] {
    return [...this.#open].map(([name, { listener }]) => ({ name, ...listener.address }))
  }

  /** What nobody here may send to. */
  own(): OwnListener[] {
    const udp = new Set(
      (this.#settings?.listeners ?? []).flatMap(({ name, transport }) => (transport === 'udp' ? [name] : [])),
    )
    return this.addresses().map((one) => ({ ...one, udp: udp.has(one.name) }))
  }

  /** Requests that listeners did not know what to make of. */
  unknownRequests(): MeasureAnswer['unknown_requests'] {
    return [...this.#open].flatMap(([name, { listener }]) =>
      (listener.unknownRequests?.() ?? []).map((request) => ({ listener: name, ...request })),
    )
  }

  /** Takes nothing more, and lets senders finish: `quiet` and `grace` as for {@link Listener.stop}. */
  async close(grace: number, quiet: number): Promise<void> {
    this.#closed = true
    await this.#closeAll((listener) => listener.stop(grace, quiet))
  }

  /** From now on {@link apply} opens again. */
  reopen(): void {
    this.#closed = false
  }

  async stop(grace: number): Promise<void> {
    this.#stopped = true
    await this.#closeAll((listener) => listener.stop(grace))
  }

  async #closeAll(stop: (listener: Listener) => Promise<void>): Promise<void> {
    const open = [...this.#open]
    await Promise.all(open.map(([, { listener }]) => stop(listener)))
    for (const [name, one] of open) if (this.#open.get(name) === one) this.#open.delete(name)
  }

  async #start(settings: ListenerSettings, index: number, all: Settings, port: number): Promise<void> {
    const { intake, clock, workers, counters, log } = this.#deps
    const bound = settings.port === 0 ? { ...settings, port } : settings
    const listener = await createListener(bound, index, {
      intake,
      tally: new Tally(
        counters.block('listener', settings.name),
        sourceNames(all.sources).map((source) => counters.block('source', source)),
      ),
      sources: all.sources,
      clock,
      reuse_port: workers > 1,
      workers,
      log,
    })
    // Closed while it was being opened.
    if (this.#stopped || this.#closed) return listener.stop(0)
    this.#open.set(settings.name, { listener, made_with: fingerprint(settings, index, all) })
  }
}

function fingerprint(listener: ListenerSettings, index: number, { sources }: Settings): string {
  return JSON.stringify([listener, index, sources])
}

/** Counts of one listener, kept in shared memory. */
class Tally implements ListenerTally {
  readonly #cells: Float64Array
  /** By source number. */
  readonly #sources: readonly Float64Array[]

  constructor(cells: Float64Array, sources: readonly Float64Array[]) {
    this.#cells = cells
    this.#sources = sources
  }

  refused(reason: RefuseReason, events: number, source: number): void {
    const place = REFUSE_REASONS.indexOf(reason)
    add(this.#cells, ListenerCell.refused + place, events)
    add(this.#sources[source] as Float64Array, SourceCell.refused + place, events)
  }

  truncated(events: number): void {
    add(this.#cells, ListenerCell.truncated, events)
  }

  leadingZeros(events: number): void {
    add(this.#cells, ListenerCell.leading_zeros, events)
  }

  connections(count: number): void {
    this.#cells[ListenerCell.connections] = count
  }

  kernelDrops(datagrams: number): void {
    add(this.#cells, ListenerCell.kernel_drops, datagrams)
  }
}
