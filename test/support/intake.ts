/** The worker's side of a listener, for tests: keeps what arrives, and waits for it. */
import type { Buffer } from 'node:buffer'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { ListenerDeps, ListenerTally, Intake, Origin, RefuseReason } from '../../src/listen/types.ts'

export interface Taken {
  readonly text: string
  readonly origin: Origin
  readonly flags: number
}

/** Runs its checks whenever something changes: tests wait on events, not on time. */
class Watched {
  readonly #checks = new Set<() => void>()

  changed(): void {
    for (const check of this.#checks) check()
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return
        this.#checks.delete(check)
        resolve()
      }
      this.#checks.add(check)
      check()
    })
  }
}

export class FakeIntake extends Watched implements Intake {
  readonly taken: Taken[] = []
  /** Frames and bytes, also when `keep` is off. */
  frames = 0
  bytes = 0
  reads = 0
  /** Off: only counts, for tests of many frames. */
  keep = true
  accepting = true
  readonly #resumes = new Set<() => void>()

  frame(origin: Origin, buf: Buffer, start: number, end: number, flags: number): void {
    this.frames++
    this.bytes += end - start
    if (this.keep) this.taken.push({ text: buf.toString('latin1', start, end), origin, flags })
    this.changed()
  }

  readDone(): void {
    this.reads++
    this.changed()
  }

  /** Off: `acknowledge` keeps its answers in {@link pending}. */
  acknowledges_at_once = true
  acknowledging = true
  readonly pending: ((kept: boolean) => void)[] = []
  #expecting = false

  expectAcknowledgement(): void {
    this.#expecting = true
  }

  acknowledge(_origin: Origin, done: (kept: boolean) => void): void {
    if (!this.#expecting) throw new Error('acknowledge without expectAcknowledgement')
    this.#expecting = false
    this.readDone()
    if (this.acknowledges_at_once) done(true)
    else this.pending.push(done)
    this.changed()
  }

  onResume(act: () => void): () => void {
    this.#resumes.add(act)
    return () => this.#resumes.delete(act)
  }

  resume(): void {
    this.accepting = true
    this.acknowledging = true
    for (const act of this.#resumes) act()
  }

  get texts(): string[] {
    return this.taken.map(({ text }) => text)
  }

  untilFrames(count: number): Promise<void> {
    return this.until(() => this.frames >= count)
  }
}

export class FakeTally extends Watched implements ListenerTally {
  readonly reasons: Partial<Record<RefuseReason, number>> = {}
  /** Refusals by number of their source. */
  readonly sources: Record<number, number> = {}
  cut = 0
  zeros = 0
  open = 0
  most_open = 0
  /** Connections that were let in so far. */
  let_in = 0
  drops = 0

  refused(reason: RefuseReason, events: number, source: number): void {
    this.sources[source] = (this.sources[source] ?? 0) + events
    this.reasons[reason] = (this.reasons[reason] ?? 0) + events
    this.changed()
  }

  truncated(events: number): void {
    this.cut += events
    this.changed()
  }

  leadingZeros(events: number): void {
    this.zeros += events
    this.changed()
  }

  connections(count: number): void {
    if (count > this.open) this.let_in++
    this.open = count
    this.most_open = Math.max(this.most_open, count)
    this.changed()
  }

  kernelDrops(datagrams: number): void {
    this.drops += datagrams
    this.changed()
  }

  untilRefused(reason: RefuseReason, count = 1): Promise<void> {
    return this.until(() => (this.reasons[reason] ?? 0) >= count)
  }

  untilOpen(count: number): Promise<void> {
    return this.until(() => this.open === count)
  }
}

export interface Said {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface Bench {
  readonly intake: FakeIntake
  readonly tally: FakeTally
  readonly said: Said[]
  readonly deps: ListenerDeps
}

/** What a listener is made with; `with_` replaces parts. */
export function bench(with_: Partial<ListenerDeps> = {}, clock: Clock = systemClock): Bench {
  const intake = new FakeIntake()
  const tally = new FakeTally()
  const said: Said[] = []
  const log: ListenerDeps['log'] = (level, message, fields) => said.push({ level, message, fields })
  const deps = { intake, tally, sources: [], clock, reuse_port: false, workers: 1, log, ...with_ }
  return { intake, tally, said, deps }
}
