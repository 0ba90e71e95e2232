/** What V8 says about which code ran, and how often: a guide for fuzzing, and a count of steps that no clock disturbs. */
import { Session } from 'node:inspector'
import type { Profiler } from 'node:inspector'

/** Code under `src/`, while it is open. One at a time: V8 counts for the whole thread. */
export class Coverage {
  readonly #session = new Session()
  readonly #inside: string
  /** Per script, which characters of it have ever run. */
  readonly #seen = new Map<string, Uint8Array>()

  /** `inside`: a part of the addresses of scripts that count, such as `/src/classify/`. */
  constructor(inside: string) {
    this.#inside = inside
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  /** Whether what ran since the last question ran anything for the first time; with `keep` it is not the first any more. */
  grew(keep: boolean): boolean {
    let grew = false
    for (const { url, functions } of this.#take()) {
      const ranges = functions.flatMap((one) => one.ranges)
      const length = Math.max(...ranges.map(({ endOffset }) => endOffset))
      const ran = paint(functions, length)
      const seen = this.#seen.get(url) ?? new Uint8Array(0)
      const next = seen.length < length ? Uint8Array.from({ length }, (_, i) => seen[i] ?? 0) : seen
      for (let i = 0; i < length; i += 1) {
        if (ran[i] === 0 || next[i] !== 0) continue
        grew = true
        if (!keep) return true
        next[i] = 1
      }
      if (keep) this.#seen.set(url, next)
    }
    return grew
  }

  /** How many blocks of code `run` enters, repetitions included. */
  steps(run: () => void): number {
    this.#take()
    run()
    let steps = 0
    for (const { functions } of this.#take())
      for (const { ranges } of functions) for (const { count } of ranges) steps += count
    return steps
  }

  /** How much of the code has run, in characters. */
  size(): number {
    let size = 0
    for (const seen of this.#seen.values()) for (const one of seen) size += one
    return size
  }

  #take(): Profiler.ScriptCoverage[] {
    let scripts: Profiler.ScriptCoverage[] = []
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      scripts = result.filter(({ url }) => url.includes(this.#inside))
    })
    return scripts
  }
}

/** 1 for each character that ran: inner functions and blocks over outer ones. */
function paint(functions: readonly Profiler.FunctionCoverage[], length: number): Uint8Array {
  const ran = new Uint8Array(length)
  const order = functions.toSorted((a, b) => start(a) - start(b) || end(b) - end(a))
  for (const { ranges } of order)
    for (const { startOffset, endOffset, count } of ranges)
      ran.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  return ran
}

function start(one: Profiler.FunctionCoverage): number {
  return one.ranges[0]?.startOffset ?? 0
}

function end(one: Profiler.FunctionCoverage): number {
  return one.ranges[0]?.endOffset ?? 0
}
