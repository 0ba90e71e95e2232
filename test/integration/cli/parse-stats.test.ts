/**
 * What an operator runs first on a day's log: does it count right, say how labels differ, and stay small? `LOGWEIR_CAPTURE_MB`
 * sets the size of the capture (1024 for the figure in the docs).
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import { expect, test } from 'vitest'
import { linesOf, Reader } from '../../support/classify.ts'
import { MemoryWatch, MIB } from '../../support/process.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { root } from '../../support/tree.ts'
import { collect, FILES, logweir, OWN_LINE, start } from './support.ts'

const SIZE = Number(process.env['LOGWEIR_CAPTURE_MB'] ?? '48') * MIB
const SHARED = path.join(root, '../shared')

test('a table for people', async () => {
  const { code, stdout, stderr } = await logweir(['parse', '--stats'], {
    stdin: `${OWN_LINE}\n${OWN_LINE}\nx\n`,
  })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^standard input: 3 lines/)
  expect(stdout).toMatch(/^nsxv\.dfw +2 +66\.7 %/m)
  expect(stdout).toMatch(/^nsxv\.dfw: labels: "5b2abda9-.*" 2$/m)
})

test('with a configuration: tenants, unknown labels and the known ones nearest to them', async () => {
  const config = path.join(tempFolder(FILES), 'logweir.yaml')
  const wrong = OWN_LINE.replace('a33b-b4b8', 'a33b_b4b8')
  const { stdout } = await logweir(['parse', '--stats', '--json', '--config', config], {
    stdin: `${OWN_LINE}\n${wrong}\n`,
  })
  expect(JSON.parse(stdout)).toMatchObject({
    schema: 'logweir.capture/1',
    lines: 2,
    tenants: [{ tenant: 't', lines: 1 }],
    streams: [
      {
        stream: 'nsxv.dfw',
        owned: 1,
        orphaned: { unknown_label: 1 },
        labels: [
          { lines: 1, nearest: { tenant: 't', object: 'Org VDC main', differs: { kind: 'separators' } } },
        ],
      },
    ],
  })
})

test(`a capture of ${SIZE / MIB} MB with a label, a host and a program of its own in each line takes less than 200 MB`, {
  timeout: 300_000,
}, async () => {
  const file = path.join(tempFolder(), 'capture.log')
  const out = openSync(file, 'w')
  let lines = 0
  for (let written = 0; written < SIZE; ) {
    const block = Array.from({ length: 2000 }, () => {
      lines += 1
      return lines % 2 === 0
        ? `${OWN_LINE}-${lines}`
        : `<13>1 2026-02-03T04:05:06Z host${lines} program${lines} - - - text ${'x'.repeat(lines % 200)}`
    })
    written += writeSync(out, `${block.join('\n')}\n`)
  }
  closeSync(out)
  const child = start(['parse', '--stats', '--json', file])
  const said = collect(child.stdout)
  const memory = new MemoryWatch(child.pid ?? 0)
  await once(child, 'close')
  memory.stop()
  expect(child.exitCode).toBe(0)
  expect(JSON.parse(said())).toMatchObject({ lines })
  expect(memory.most).toBeLessThan(200 * MIB)
})

const there = existsSync(path.join(SHARED, 'samples'))

test.skipIf(!there)(
  'every collected line and vector is one line out, as the grammar reads it, and keeps its text (skipped without ../shared)',
  async () => {
    const samples = readdirSync(path.join(SHARED, 'samples')).filter((name) => name.endsWith('.log'))
    const lines = samples.flatMap((name) => linesOf(readFileSync(path.join(SHARED, 'samples', name))))
    for (const name of ['rfc5424.jsonl', 'rfc3164.jsonl']) {
      for (const text of linesOf(readFileSync(path.join(SHARED, 'vectors', name)))) {
        const { raw, raw_base64 } = JSON.parse(text.toString()) as { raw?: string; raw_base64?: string }
        const bytes = raw === undefined ? Buffer.from(raw_base64 ?? '', 'base64') : Buffer.from(raw)
        // What holds a line's end cannot be a line of a file.
        if (!bytes.includes(0x0a) && bytes.at(-1) !== 0x0d) lines.push(bytes)
      }
    }
    const input = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
    const { code, stdout, stderr } = await logweir(['parse', '--json'], { stdin: input })
    expect([code, stderr]).toEqual([0, ''])
    const printed = stdout.trimEnd().split('\n')
    expect(printed).toHaveLength(lines.length)
    const reader = new Reader()
    for (const [n, line] of lines.entries()) {
      // Times without a year are resolved by the clock, which is not the same here and there.
      const { timestamp: _, ...expected } = JSON.parse(JSON.stringify(reader.json(line))) as Record<
        string,
        unknown
      >
      const { timestamp: __, ...found } = JSON.parse(printed[n] ?? '') as Record<string, unknown>
      expect(found).toEqual(expected)
      expect(line.toString().endsWith(String(found['message']))).toBe(true)
    }
  },
)
