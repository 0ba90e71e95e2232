/** Time that stands still until a test moves it. Timers fire in order while it moves. */
import type { Clock, Timer } from '../../src/base/clock.ts'

interface Pending {
  readonly at: number
  readonly act: () => void
}

export class ManualClock implements Clock {
  #mono = 1000
  #wall: number
  readonly #pending = new Set<Pending>()

  constructor(wall = Date.parse('2026-01-02T03:04:05.678Z')) {
    this.#wall = wall
  }

  wall(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#mono
  }

  after(ms: number, act: () => void): Timer {
    const pending = { at: this.#mono + ms, act }
    this.#pending.add(pending)
    return { cancel: () => this.#pending.delete(pending) }
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#pending.size
  }

  /** Moves both clocks on, firing what falls due. */
  advance(ms: number): void {
    const until = this.#mono + ms
    for (;;) {
      const next = [...this.#pending].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#pending.delete(next)
      this.#wall += next.at - this.#mono
      this.#mono = next.at
      next.act()
    }
    this.#wall += until - this.#mono
    this.#mono = until
  }

  /** The wall clock jumps; nothing else may notice. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
