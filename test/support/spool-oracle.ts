/** What a spool must hold after its process was killed, from what `spool-child.ts` said while it lived. */
import { expect } from 'vitest'
import { parseBatch } from '../../src/queue/batch-codec.ts'
import { MiB, OpenSpool } from './spools.ts'

const keys = ['acme/siem', 'globex/siem', 'globex/archive']

export class Oracle {
  /** Committed and never acknowledged: must be there. */
  readonly owed = new Set<string>()
  /** Acknowledged: may come again. */
  readonly settled = new Set<string>()

  hear(output: string): void {
    // A line that was cut by the death says nothing.
    for (const line of output.split('\n').slice(0, -1)) {
      const [what, key, sequence] = line.split(' ')
      const id = `${key} ${sequence}`
      if (what === 'W') this.owed.add(id)
      if (what === 'A' && this.owed.delete(id)) this.settled.add(id)
      // The oracle must not pass because the child was refused everything.
      expect(what).not.toBe('R')
    }
  }

  /** `whole`: nothing in the spool may be called damaged. */
  check(folder: string, whole = true): void {
    using open = new OpenSpool(folder)
    if (whole) expect(open.notices).toEqual([])
    const found = new Set<string>()
    for (const key of keys) {
      const { rows, damaged, end } = open.spool.read(key, -1, 1000 * MiB)
      let { rows: all } = { rows: [...rows] }
      for (let done = end; !done; ) {
        const more = open.spool.read(key, all.at(-1)?.sequence ?? -1, 1000 * MiB)
        all = [...all, ...more.rows]
        done = more.end
      }
      if (whole) expect(damaged).toEqual([])
      const sequences = all.map(({ sequence }) => sequence)
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b))
      if (whole) expect(open.spool.state(key)).toMatchObject({ batches: all.length, events: all.length * 2 })
      for (const { sequence, bytes } of all) {
        expect(parseBatch(bytes).sequence).toBe(sequence)
        found.add(`${key} ${sequence}`)
      }
    }
    for (const id of this.owed) expect(found).toContain(id)
  }
}
