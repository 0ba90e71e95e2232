/** Do threads have the space for short-lived objects that they are made with, although main was begun with a small one? */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const young = pathToFileURL(join(import.meta.dirname, '../../src/control/young-space.ts')).href

/** MiB that a thread with twelve for it has at the end of much work, in a process that was begun with one. */
function spaceOf(before: string): number {
  const work = `
    import { getHeapSpaceStatistics } from 'node:v8'
    import { parentPort } from 'node:worker_threads'
    let keep = []
    for (let n = 0; n < 2e6; n++) {
      keep.push([n])
      if (keep.length > 30000) keep = []
    }
    const { space_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    parentPort.postMessage(space_size)`
  const script = `
    import { Worker } from 'node:worker_threads'
    import { freeYoungSpace } from ${JSON.stringify(young)}
    ${before}
    const limits = { maxYoungGenerationSizeMb: 12 }
    new Worker(${JSON.stringify(work)}, { eval: true, resourceLimits: limits }).on('message', (size) => console.log(size))`
  const args = ['--max-semi-space-size=1', '--input-type=module', '-e', script]
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' })) / 2 ** 20
}

test('a thread has its own, once main has let go of the flag', () => {
  expect(spaceOf('')).toBeLessThanOrEqual(2)
  expect(spaceOf('freeYoungSpace()')).toBeGreaterThan(4)
})
