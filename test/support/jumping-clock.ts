/**
 * Loaded before a program (`--import`), in each of its threads: its wall clock jumps from one time to the next every
 * quarter of a second, while everything that waits goes on as it was. No imports but Node's own.
 */
const EVERY_MS = 250
const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR

const real = Date.now.bind(Date)
const epoch = real()
/** Milliseconds to add: an hour on and back, a year on, 1970, a leap day, a clock change, the last second of a year. */
const OFFSETS = [
  0,
  HOUR,
  -HOUR,
  YEAR,
  1000 - epoch,
  Date.parse('2028-02-29T23:59:59.900Z') - epoch,
  Date.parse('2026-03-29T00:59:59.900Z') - epoch,
  Date.parse('2026-12-31T23:59:59.900Z') - epoch,
]

function now(): number {
  // By the machine's time, so that all threads jump at once.
  const turn = Math.floor(real() / EVERY_MS) % OFFSETS.length
  return real() + (OFFSETS[turn] ?? 0)
}

globalThis.Date = class extends Date {
  constructor(...given: readonly unknown[]) {
    if (given.length === 0) super(now())
    else super(...(given as [number]))
  }
  static override now(): number {
    return now()
  }
} as DateConstructor
