/** Time as a parameter: stamps use the wall clock, everything that waits uses the monotonic one. */
export interface Clock {
  /** Milliseconds since the epoch, for stamps only; may jump. */
  wall(): number
  /** Milliseconds since an arbitrary point; never goes back. For timeouts, retries, ages and order. */
  monotonic(): number
  /** Calls `act` once after `ms` of monotonic time. The handle cancels it. */
  after(ms: number, act: () => void): Timer
}

/** A pending call of {@link Clock.after}; `cancel` is safe twice and after the call. */
export interface Timer {
  cancel(): void
}

class SystemTimer implements Timer {
  readonly #handle: NodeJS.Timeout

  constructor(handle: NodeJS.Timeout) {
    this.#handle = handle
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, act) => new SystemTimer(setTimeout(act, ms)),
}
