/**
 * Fuzzing, guided by coverage: inputs that run code for the first time are kept and changed further. The number of inputs
 * bounds a run, never a clock: `LOGWEIR_FUZZ_RUNS` for longer ones, `LOGWEIR_SEED` for one again.
 */
import { Buffer } from 'node:buffer'
import { runSeed, seeded } from './chance.ts'
import { Coverage } from './coverage.ts'

export interface FuzzTarget {
  readonly seeds: readonly Buffer[]
  /** Texts that the code under test looks for. */
  readonly words: readonly string[]
  /** A part of the addresses of the code that guides. */
  readonly inside: string
  /** Throws when something that must hold does not. */
  readonly check: (input: Buffer) => void
}

/** Inputs between two questions for coverage, which take milliseconds. */
const ROUND = 64
const CORPUS_MAX = 2000
const LENGTH_MAX = 4096
/** Attempts to make what fails shorter. */
const SHRINK_MAX = 1000

/** Inputs of a run when nobody asks for more. */
export function fuzzRuns(usual: number): number {
  return Number(process.env['LOGWEIR_FUZZ_RUNS'] ?? usual)
}

/** Runs `runs` inputs. Throws at the first that fails, made as short as it can be, with what reproduces it. */
export function fuzz(target: FuzzTarget, runs: number): { readonly corpus: number; readonly found: number } {
  const seed = runSeed()
  const random = seeded(seed)
  const corpus = [...target.seeds]
  const coverage = new Coverage(target.inside)
  try {
    for (const input of corpus) check(target, input, seed)
    coverage.grew(true)
    const known = coverage.size()
    for (let done = 0; done < runs; done += ROUND) {
      const inputs = Array.from({ length: ROUND }, () => mutate(random, corpus, target.words))
      for (const input of inputs) check(target, input, seed)
      if (!coverage.grew(false)) continue
      const first = narrow(inputs, (some) => {
        for (const input of some) target.check(input)
        return coverage.grew(false)
      })
      for (const input of inputs) target.check(input)
      coverage.grew(true)
      if (corpus.length < CORPUS_MAX) corpus.push(...first)
    }
    return { corpus: corpus.length, found: coverage.size() - known }
  } finally {
    coverage.close()
  }
}

/** The half that does it, again and again; both where neither does it alone. */
function narrow(inputs: readonly Buffer[], does: (some: readonly Buffer[]) => boolean): readonly Buffer[] {
  let some = inputs
  while (some.length > 1) {
    const half = some.slice(0, some.length >> 1)
    if (does(half)) some = half
    else if (does(some.slice(half.length))) some = some.slice(half.length)
    else return some
  }
  return some
}

function check(target: FuzzTarget, input: Buffer, seed: number): void {
  try {
    target.check(input)
  } catch (cause) {
    const small = shrink(target, input)
    const text = JSON.stringify(small.toString('latin1'))
    throw new Error(`LOGWEIR_SEED=${seed} finds ${text} (latin1)`, { cause })
  }
}

/** Takes out what can be missed, in ever smaller pieces. */
function shrink(target: FuzzTarget, input: Buffer): Buffer {
  let best = input
  let tries = 0
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= best.length && tries < SHRINK_MAX; tries += 1) {
      const less = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      if (fails(target, less)) best = less
      else at += size
    }
  }
  return best
}

function fails(target: FuzzTarget, input: Buffer): boolean {
  try {
    target.check(input)
    return false
  } catch {
    return true
  }
}

/** One of the corpus, changed one to four times. */
function mutate(random: () => number, corpus: readonly Buffer[], words: readonly string[]): Buffer {
  const below = (n: number): number => Math.floor(random() * n)
  const any = <T>(list: readonly T[], otherwise: T): T => list[below(list.length)] ?? otherwise
  let bytes = any(corpus, Buffer.alloc(0))
  for (let edits = 1 + below(4); edits > 0; edits -= 1) {
    const at = below(bytes.length + 1)
    const to = Math.min(bytes.length, at + below(below(4) === 0 ? bytes.length + 1 : 8))
    const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
    const other = any(corpus, bytes)
    const put = [
      () => Buffer.of(below(256)),
      () => Buffer.from(any(words, ' '), 'latin1'),
      () => Buffer.alloc(0),
      () => Buffer.concat([piece, piece]),
      () => Buffer.concat(Array.from({ length: below(20) }, () => piece)),
      () => Buffer.from(String(below(2) === 0 ? below(100) : below(2 ** 31))),
      () => other.subarray(below(other.length + 1)),
      () => Buffer.concat([Buffer.from(any(words, ' '), 'latin1'), piece]),
    ]
    bytes = Buffer.concat([before, any(put, () => piece)(), after]).subarray(0, LENGTH_MAX)
  }
  return bytes
}
