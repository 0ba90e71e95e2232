/**
 * Which of a forwarder's targets a connect begins with: the first, unless it was the one that broke. On another than the
 * first nobody stays for ever: after {@link RETURN_MS} the first is asked again.
 */
import type { Clock } from '../base/clock.ts'
import { dial, DialError, type DialOptions, type Dialled, type StreamTarget } from './dial.ts'

export const RETURN_MS = 300_000

export class Targets {
  readonly #all: readonly StreamTarget[]
  readonly #clock: Clock
  /** Of each target, which of its addresses worked last. */
  readonly #addresses: number[]
  #begin = 0
  #current = 0
  #since = 0

  constructor(all: readonly StreamTarget[], clock: Clock) {
    this.#all = all
    this.#clock = clock
    this.#addresses = all.map(() => 0)
  }

  /** Another than the first is in use, and has been for so long that the first should be asked again. */
  get overdue(): boolean {
    return this.#current !== 0 && this.#clock.monotonic() - this.#since >= RETURN_MS
  }

  /** Why a connection broke; of several targets, which one's it was. */
  named(why: string): string {
    const { host, port } = this.#all[this.#current] as StreamTarget
    return this.#all.length === 1 ? why : `${host}:${port}: ${why}`
  }

  /** A connection that was made broke: the next connect begins with another target. */
  broke(): void {
    this.#begin = (this.#current + 1) % this.#all.length
    this.#current = 0
  }

  /** A connection ended that nobody needed, or was given up for the first target. */
  ended(): void {
    this.#begin = 0
    this.#current = 0
  }

  /** Tries each target in turn, each for `timeout.connect`. @throws DialError of the one that was tried first. */
  async dial(options: Omit<DialOptions, 'target' | 'first'>): Promise<Dialled> {
    const begin = this.#begin
    this.#begin = 0
    let failure: DialError | undefined
    for (let n = 0; n < this.#all.length; n++) {
      const at = (begin + n) % this.#all.length
      const target = this.#all[at] as StreamTarget
      const first = this.#addresses[at] ?? 0
      try {
        const dialled = await dial({ ...options, target, first })
        this.#addresses[at] = dialled.at
        this.#current = at
        this.#since = this.#clock.monotonic()
        return dialled
      } catch (error) {
        this.#addresses[at] = first + 1
        if (!(error instanceof DialError)) throw error
        failure ??= error
        if (options.signal.aborted) break
      }
    }
    throw failure ?? new DialError('connect', 'no target')
  }
}
