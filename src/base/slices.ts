/**
 * Long work in short slices: what must not hold up a thread that events pass through is written as a generator that
 * yields between small steps. How long a slice may take is asked of the clock, so a step is whatever is convenient.
 */
import type { Clock } from './clock.ts'

/** Work that can be interrupted at each `yield`; returns its result. */
export type Steps<Result> = Generator<void, Result, void>

/** Milliseconds that a slice takes, give or take a step. */
const SLICE_MS = 1

/** Does the work in slices, with a turn of the event loop between them. */
export async function inSlices<Result>(steps: Steps<Result>, clock: Clock): Promise<Result> {
  let began = clock.monotonic()
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    if (clock.monotonic() - began < SLICE_MS) continue
    await new Promise<void>((turn) => setImmediate(turn))
    began = clock.monotonic()
  }
}

/** Does the work without a break: at places that nothing waits for. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}

/** `list.map`, with a yield between groups of `every`. */
export function* mapSteps<From, To>(
  list: readonly From[],
  map: (from: From, index: number) => To,
  every = 16,
): Steps<To[]> {
  const mapped: To[] = []
  for (const [index, from] of list.entries()) {
    mapped.push(map(from, index))
    if (index % every === every - 1) yield
  }
  return mapped
}
