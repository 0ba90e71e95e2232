/** Are the tables of docs/streams.md those that the fixtures make, and is every stream in them? */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { variants, withTables } from '../scripts/streams-doc.ts'
import { shippedStreams } from './support/classify.ts'
import { root } from './support/tree.ts'

const PAGE = path.join(root, 'docs/streams.md')

test('the tables are current', () => {
  const page = readFileSync(PAGE, 'utf8')
  if (process.env['LOGWEIR_UPDATE'] === '1') writeFileSync(PAGE, withTables(page))
  expect(readFileSync(PAGE, 'utf8'), 'run: node scripts/streams-doc.ts').toBe(withTables(page))
})

test('every shipped stream has a variant, and every variant is a line of the fixtures', () => {
  const files = new Set(readdirSync(path.join(root, 'fixtures')))
  const streams = variants().map(({ file, line }) => {
    expect(files.has(`${file}.log`)).toBe(true)
    const lines = readFileSync(path.join(root, `fixtures/${file}.expect.jsonl`), 'utf8').split('\n')
    return (JSON.parse(lines[line - 1] ?? '{}') as { stream?: string }).stream
  })
  const shown = new Set(streams)
  expect(shippedStreams().filter(({ name }) => !shown.has(name))).toEqual([])
})
