/** Does a listener survive more connections than the process has descriptors for (R43)? */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { closed, connectTo } from '../support/listening.ts'
import { root } from '../support/tree.ts'

interface Report {
  readonly refused: number
  readonly let_in: number
  readonly most_open: number
}

test('with 64 descriptors a flood of 300 is refused by count, and an honest sender is served', async () => {
  const script = path.join(root, 'test/support/few-descriptors.ts')
  const child = spawn('sh', ['-c', 'ulimit -n 64 && exec "$0" "$1"', process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const said = async (word: string): Promise<string> => {
    const { value } = (await lines.next()) as { value?: string }
    if (value === undefined || !value.startsWith(word)) throw new Error(`expected ${word}, not ${value}`)
    return value.slice(word.length + 1)
  }
  try {
    const port = Number(await said('port'))
    const honest = await connectTo(port)
    const flood = await Promise.all(Array.from({ length: 300 }, () => connectTo(port)))
    const gone = flood.map((socket) => closed(socket))
    honest.write('<1>report\n')
    const during = JSON.parse(await said('report')) as Report
    expect(during.most_open).toBeLessThan(64)
    for (const socket of flood) socket.destroy()
    await Promise.all(gone)
    // That they are gone is known here first: until the listener has heard of it too, one more is still refused.
    let connects = 301
    let served = false
    const answer = said('report').finally(() => {
      served = true
    })
    while (!served) {
      connects += 1
      const late = await connectTo(port)
      late.on('error', () => undefined)
      late.write('<1>report\n')
      await Promise.race([answer, closed(late)])
      late.destroy()
    }
    const after = JSON.parse(await answer) as Report
    // Every one was let in or refused by count: none vanished in the event loop.
    expect(after.refused).toBeGreaterThan(0)
    expect(after.let_in + after.refused).toBe(connects)
    honest.destroy()
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
})
