/**
 * Memory that a start or a reload took goes back to the system. V8 collects as little as it can get away with: what was
 * read once, code that ran once and the pages around them stay until the heap has grown by half again. Left alone, a
 * quiet router keeps tens of megabytes so. One thorough collection stops its thread for a tenth of a second, therefore it
 * waits until hardly anything happens; and it comes once, because code that runs again is compiled again.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Timer } from './clock.ts'

const LOOK_MS = 5000
/** So many events between two looks wait without harm while the thread stands. */
const FEW = 500

export class GiveBack {
  readonly #clock: Clock
  readonly #events: () => number
  readonly #collect: () => void
  readonly #done: () => void
  #timer: Timer | undefined

  /** `events`: how many the thread has taken so far. `done` is called after a collection. */
  constructor(
    clock: Clock,
    events: () => number,
    done: () => void = () => undefined,
    collect: () => void = collectAll,
  ) {
    this.#clock = clock
    this.#events = events
    this.#collect = collect
    this.#done = done
  }

  /** Something is over that took memory. */
  soon(): void {
    this.stop()
    const before = this.#events()
    this.#timer = this.#clock.after(LOOK_MS, () => {
      if (this.#events() - before > FEW) return this.soon()
      this.#collect()
      this.#done()
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

/** Everything that this thread can do without, code that has not run lately too. */
function collectAll(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as NodeJS.GCFunction
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
