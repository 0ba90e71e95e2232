/** A process is killed at every point around the disk; whatever it was told is safe must be there afterwards. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Oracle } from '../support/spool-oracle.ts'
import { TempFolder } from '../support/spools.ts'

const child = fileURLToPath(new URL('../support/spool-child.ts', import.meta.url))

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
