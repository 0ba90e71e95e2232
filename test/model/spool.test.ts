/** The spool against a plain list, through any history of writes, reads, acknowledgements, drops, stops and crashes. */
import { cpSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseBatch } from '../../src/queue/batch-codec.ts'
import { MiB, OpenSpool, row, TempFolder } from '../support/spools.ts'

const keys = ['acme/siem', 'globex/siem'] as const
const EVENTS = 2
const BYTES = 40_000
const ALL = 1000 * MiB

interface ListChain {
  /** On disk and not acknowledged, in order. */
  waiting: number[]
  /** Acknowledged since the cursors were last written: a crash may bring them back. */
  unsure: number[]
  next: number
  /** Put aside by a refusal, to be written later. */
  held: number[]
}

/** What the spool should hold. */
class Model {
  readonly chains = new Map<string, ListChain>(
    keys.map((key) => [key, { waiting: [], unsure: [], next: 0, held: [] }]),
  )

  chain(key: string): ListChain {
    return this.chains.get(key) as ListChain
  }

  flushed(): void {
    for (const chain of this.chains.values()) chain.unsure = []
  }
}

class Real {
  folder = new TempFolder()
  open = new OpenSpool(this.folder.path)

  /** A process that died: what lies on disk at this moment is all that the next one has. */
  crash(): void {
    const next = new TempFolder()
    cpSync(this.folder.path, next.path, { recursive: true })
    this.open.close()
    this.folder[Symbol.dispose]()
    this.folder = next
    this.open = new OpenSpool(next.path)
  }

  reopen(): void {
    this.open.close()
    this.open = new OpenSpool(this.folder.path)
  }

  end(): void {
    this.open.close()
    this.folder[Symbol.dispose]()
  }
}

type Command = fc.Command<Model, Real>

function command(name: string, run: (model: Model, real: Real) => void): Command {
  return { check: () => true, run, toString: () => name }
}

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b)
}

function readAll(real: Real, key: string, after = -1): number[] {
  const { rows, damaged, end } = real.open.spool.read(key, after, ALL)
  expect(damaged).toEqual([])
  expect(end).toBe(true)
  for (const { sequence, bytes } of rows) expect(parseBatch(bytes).sequence).toBe(sequence)
  return rows.map(({ sequence }) => sequence)
}

function check(model: Model, real: Real): void {
  for (const [key, chain] of model.chains) {
    expect(readAll(real, key)).toEqual(chain.waiting)
    const { batches, events } = real.open.spool.state(key)
    expect({ batches, events }).toEqual({
      batches: chain.waiting.length,
      events: chain.waiting.length * EVENTS,
    })
  }
}

function commit(real: Real, key: string, sequences: readonly number[]): void {
  let rows = sequences.map((sequence) => row(sequence, key, EVENTS, BYTES))
  while (rows.length > 0) {
    const result = real.open.spool.write(key, rows, 4 * MiB)
    if (result.outcome !== 'committed') throw new Error(result.reason)
    rows = rows.slice(result.count)
  }
}

const write = (key: string, count: number): Command =>
  command(`write ${key} ×${count}`, (model, real) => {
    const chain = model.chain(key)
    if (chain.waiting.length > 60) return
    const sequences = Array.from({ length: count }, (_, n) => chain.next + n)
    chain.next += count
    commit(real, key, sequences)
    chain.waiting.push(...sequences)
  })

/** A number is given away and its batch comes back later, after its successors. */
const hold = (key: string): Command =>
  command(`hold ${key}`, (model) => {
    const chain = model.chain(key)
    chain.held.push(chain.next)
    chain.next += 1
  })

const writeHeld = (key: string): Command =>
  command(`write held ${key}`, (model, real) => {
    const chain = model.chain(key)
    const sequences = chain.held.splice(0)
    if (sequences.length === 0) return
    commit(real, key, sequences)
    chain.waiting = sorted([...chain.waiting, ...sequences])
  })

const read = (key: string, skip: number): Command =>
  command(`read ${key} behind ${skip}`, (model, real) => {
    const { waiting } = model.chain(key)
    const after = waiting[skip] ?? -1
    expect(readAll(real, key, after)).toEqual(waiting.filter((sequence) => sequence > after))
    const { rows } = real.open.spool.read(key, after, 1)
    expect(rows.length).toBe(waiting.some((sequence) => sequence > after) ? 1 : 0)
  })

const acknowledge = (key: string, picks: readonly number[]): Command =>
  command(`acknowledge ${key} ${picks.join()}`, (model, real) => {
    const chain = model.chain(key)
    const gone = new Set(picks.map((pick) => chain.waiting[pick % Math.max(1, chain.waiting.length)]))
    gone.delete(undefined)
    real.open.spool.acknowledge(key, [...gone] as number[])
    chain.waiting = chain.waiting.filter((sequence) => !gone.has(sequence))
    chain.unsure.push(...([...gone] as number[]))
  })

const drop = (key: string, skip: number, bytes: number): Command =>
  command(`drop ${bytes} of ${key} behind ${skip}`, (model, real) => {
    const chain = model.chain(key)
    const after = skip === 0 ? -1 : (chain.waiting[Math.min(skip, chain.waiting.length) - 1] ?? -1)
    const lost = real.open.spool.dropOldest(key, after, bytes)
    const gone = chain.waiting.filter((sequence) => sequence > after && sequence <= lost.through)
    expect(lost.batches).toBe(gone.length)
    expect(lost.events).toBe(gone.length * EVENTS)
    chain.waiting = chain.waiting.filter((sequence) => !gone.includes(sequence))
    chain.unsure.push(...gone)
  })

const tick = command('tick', (model, real) => {
  real.open.spool.tick()
  model.flushed()
})

const crash = command('crash', (model, real) => {
  real.crash()
  expect(real.open.notices).toEqual([])
  for (const [key, chain] of model.chains) {
    const found = readAll(real, key)
    // Everything owed is there; more only of what was acknowledged and not yet written down.
    for (const sequence of chain.waiting) expect(found).toContain(sequence)
    for (const sequence of found) expect([...chain.waiting, ...chain.unsure]).toContain(sequence)
    chain.waiting = found
    chain.unsure = []
    const { last_sequence } = real.open.spool.state(key)
    expect(last_sequence).toBeLessThan(chain.next)
    for (const sequence of found) expect(sequence).toBeLessThanOrEqual(last_sequence)
  }
})

const stop = (counts: readonly number[]): Command =>
  command(`stop ${counts.join()}`, (model, real) => {
    const rows = keys.flatMap((key, n) => {
      const chain = model.chain(key)
      return Array.from({ length: counts[n] as number }, () => {
        const sequence = chain.next
        chain.next += 1
        chain.waiting.push(sequence)
        return { key, row: row(sequence, key, EVENTS, 300) }
      })
    })
    real.open.spool.stop(rows)
    real.reopen()
    expect(real.open.notices).toEqual([])
    model.flushed()
  })

const key = fc.constantFrom(...keys)
const small = fc.nat({ max: 8 })
const commands = [
  fc.tuple(key, fc.integer({ min: 1, max: 12 })).map(([k, n]) => write(k, n)),
  key.map(hold),
  key.map(writeHeld),
  fc.tuple(key, small).map(([k, n]) => read(k, n)),
  fc.tuple(key, fc.array(fc.nat({ max: 30 }), { maxLength: 12 })).map(([k, picks]) => acknowledge(k, picks)),
  fc.tuple(key, fc.nat({ max: 3 }), fc.nat({ max: 400_000 })).map(([k, n, bytes]) => drop(k, n, bytes)),
  fc.constant(tick),
  fc.constant(crash),
  fc.tuple(small, small).map(stop),
]

test('whatever happened, the spool holds what the list holds', () => {
  fc.assert(
    fc.property(fc.commands(commands, { size: '+1', maxCommands: 40 }), (history) => {
      const real = new Real()
      const model = new Model()
      try {
        fc.modelRun(() => ({ model, real }), history)
        check(model, real)
      } finally {
        real.end()
      }
    }),
    { numRuns: Number(process.env['LOGWEIR_MODEL_RUNS'] ?? 60) },
  )
})
