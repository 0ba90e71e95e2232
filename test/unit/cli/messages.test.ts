/** Are the messages of `send` the file's lines, and are they framed as the standard says? */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import type { Input } from '../../../src/cli/input.ts'
import { frame, MESSAGE_MAX, readMessages } from '../../../src/cli/send/messages.ts'

function input(...chunks: string[]): Input {
  return {
    name: 'a test',
    size: null,
    chunks: async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk)
    },
  }
}

async function messages(from: Input, most = 100, loop = false): Promise<{ texts: string[]; cut: number }> {
  const tally = { cut: 0 }
  const texts: string[] = []
  for await (const { bytes, ends } of readMessages(from, loop, tally)) {
    for (const [n, end] of ends.entries())
      texts.push(bytes.toString('latin1', n === 0 ? 0 : ends[n - 1], end))
    if (texts.length >= most) break
  }
  return { texts: texts.slice(0, most), cut: tally.cut }
}

test('a message a line; empty lines are no messages', async () => {
  expect((await messages(input('<1>a\n\n<2>b', 'c\r\n<3>d'))).texts).toEqual(['<1>a', '<2>bc', '<3>d'])
})

test('with a loop it begins again, and an input without messages is an error instead of a loop for ever', async () => {
  expect((await messages(input('a\nb\n'), 5, true)).texts).toEqual(['a', 'b', 'a', 'b', 'a'])
  await expect(messages(input('\n\n'), 1, true)).rejects.toThrow(/holds no messages/)
})

test('a message that is too long goes out cut and is counted', async () => {
  const { texts, cut } = await messages(input('x'.repeat(MESSAGE_MAX + 5), '\nnext\n'))
  expect(texts.map((text) => text.length)).toEqual([MESSAGE_MAX, 4])
  expect(cut).toBe(1)
})

test('framing: a count of bytes before each, or LF behind each', () => {
  const pack = { bytes: Buffer.from('<1>\u00e4<2>bc'), ends: [5, 10] }
  expect(frame(pack, 0, 2, true).toString()).toBe('5 <1>\u00e45 <2>bc')
  expect(frame(pack, 0, 2, false).toString()).toBe('<1>\u00e4\n<2>bc\n')
  expect(frame(pack, 1, 2, true).toString()).toBe('5 <2>bc')
})
