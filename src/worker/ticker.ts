/**
 * Seals open batches in time and lets queues spill what waits too long. One timer a worker, and none while
 * nothing is open or held.
 */
import type { Clock, Timer } from '../base/clock.ts'
import { Deque } from '../queue/deque.ts'
import type { ForwarderQueue } from '../queue/forwarder-queue.ts'

/** Milliseconds between looks at queues that only hold something. */
const WATCH_MS = 250

export class Ticker {
  readonly #clock: Clock
  #age: number
  readonly #open = new Deque<{ readonly queue: ForwarderQueue; readonly at: number }>()
  readonly #watched = new Set<ForwarderQueue>()
  #timer: Timer | undefined
  #fast = false
  #watched_at = 0
  #stopped = false
  readonly #idle: () => void
  readonly #look: (queues: Iterable<ForwarderQueue>) => void

  /** `age`: milliseconds after which an open batch is sealed. `idle` is called when nothing is open or held any more. */
  constructor(
    clock: Clock,
    age: number,
    idle: () => void = () => undefined,
    look: (queues: Iterable<ForwarderQueue>) => void = () => undefined,
  ) {
    this.#look = look
    this.#clock = clock
    this.#idle = idle
    this.#age = age
  }

  set age(ms: number) {
    this.#age = ms
  }

  /** A batch was opened: it is sealed `age` later, at most a quarter of `age` late. */
  readonly opened = (queue: ForwarderQueue): void => {
    this.#open.push({ queue, at: queue.opened_mono ?? 0 })
    if (!this.#fast) this.#arm(true)
  }

  /** The queue holds something that may have to go to disk. */
  readonly watch = (queue: ForwarderQueue): void => {
    this.#watched.add(queue)
    if (this.#timer === undefined) this.#arm(false)
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(fast: boolean): void {
    if (this.#stopped) return
    this.#timer?.cancel()
    this.#fast = fast
    this.#timer = this.#clock.after(fast ? Math.max(1, this.#age / 4) : WATCH_MS, () => this.#tick())
  }

  #tick(): void {
    this.#timer = undefined
    this.#fast = false
    const now = this.#clock.monotonic()
    this.#seal(now)
    if (now - this.#watched_at >= WATCH_MS * 0.9) {
      this.#watched_at = now
      this.#look(this.#watched)
      for (const queue of this.#watched) if (!queue.spill()) this.#watched.delete(queue)
    }
    if (this.#open.length > 0) this.#arm(true)
    else if (this.#watched.size > 0) this.#arm(false)
    else this.#idle()
  }

  #seal(now: number): void {
    for (let entry = this.#open.peek(); entry !== undefined; entry = this.#open.peek()) {
      if (now - entry.at < this.#age) return
      this.#open.shift()
      // Sealed by size meanwhile, and perhaps opened again: then a later entry stands for it.
      if (entry.queue.opened_mono === entry.at) entry.queue.sealOpen()
    }
  }
}
