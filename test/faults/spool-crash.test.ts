/** A process is killed at every point around the disk; whatever it was told is safe must be there afterwards. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseBatch } from '../../src/queue/batch-codec.ts'
import { MiB, OpenSpool, TempFolder } from '../support/spools.ts'

const child = fileURLToPath(new URL('../support/spool-child.ts', import.meta.url))
const keys = ['acme/siem', 'globex/siem', 'globex/archive']

class Oracle {
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

  check(folder: string): void {
    using open = new OpenSpool(folder)
    expect(open.notices).toEqual([])
    const found = new Set<string>()
    for (const key of keys) {
      const { rows, damaged, end } = open.spool.read(key, -1, 1000 * MiB)
      let { rows: all } = { rows: [...rows] }
      for (let done = end; !done; ) {
        const more = open.spool.read(key, all.at(-1)?.sequence ?? -1, 1000 * MiB)
        all = [...all, ...more.rows]
        done = more.end
      }
      expect(damaged).toEqual([])
      const sequences = all.map(({ sequence }) => sequence)
      expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b))
      expect(open.spool.state(key)).toMatchObject({ batches: all.length, events: all.length * 2 })
      for (const { sequence, bytes } of all) {
        expect(parseBatch(bytes).sequence).toBe(sequence)
        found.add(`${key} ${sequence}`)
      }
    }
    for (const id of this.owed) expect(found).toContain(id)
  }
}

async function run(folder: string, steps: number, env: Record<string, string>, kill_after = Infinity) {
  const running = spawn(process.execPath, [child, folder, String(steps)], {
    env: { ...process.env, LOGWEIR_TEST: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let lines = 0
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    lines += text.split('\n').length - 1
    if (lines >= kill_after) running.kill('SIGKILL')
  })
  const [code, signal] = (await once(running, 'close')) as [number | null, string | null]
  return { output, killed: signal === 'SIGKILL', code }
}

const points = [
  ['spool.open', 1],
  ['spool.open', 3],
  ['spool.write.before', 1],
  ['spool.write.before', 9],
  ['spool.write.after', 1],
  ['spool.write.after', 7],
  ['spool.commit.before', 6],
  ['spool.commit.after', 1],
  ['spool.commit.after', 8],
  ['spool.read', 5],
  ['spool.ack.before', 2],
  ['spool.ack.after', 2],
  ['spool.seal', 1],
  ['spool.unlink', 1],
  ['spool.unlink', 2],
  ['spool.stop', 1],
] as const

test.each(points)('killed at %s, pass %i: nothing that was committed is lost', async (point, pass) => {
  using folder = new TempFolder()
  const oracle = new Oracle()
  const first = await run(folder.path, 60, { LOGWEIR_FAULTS: `${point}=kill@${pass}` })
  expect(first.killed).toBe(true)
  oracle.hear(first.output)
  oracle.check(folder.path)
  // The next process goes on where this one ended, dies of the same, and the one after that finishes.
  const second = await run(folder.path, 60, { LOGWEIR_FAULTS: `${point}=kill@${pass + 1}` })
  oracle.hear(second.output)
  const third = await run(folder.path, 30, {})
  expect(third.code).toBe(0)
  oracle.hear(third.output)
  oracle.check(folder.path)
})

test('killed at any moment, again and again, nothing that was committed is lost', async () => {
  using folder = new TempFolder()
  const oracle = new Oracle()
  for (const lines of [1, 3, 10, 25, 40, 60, 5, 90]) {
    const { output } = await run(folder.path, 60, {}, lines)
    oracle.hear(output)
    oracle.check(folder.path)
  }
})
