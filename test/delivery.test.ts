/** Does every promise of docs/delivery.md about a destination name a test that is there? */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rowsOf, sectionOf } from './support/docs.ts'
import { root } from './support/tree.ts'

const page = readFileSync(join(root, 'docs/delivery.md'), 'utf8')
const rows = rowsOf(sectionOf(page, '## Each destination'))

test('every destination has its row', () => {
  const named = rows.map(([first = '']) => first).join(' ')
  for (const type of [
    'tcp',
    'tls',
    'udp',
    'http',
    'log-insight-cloud',
    'splunk-hec',
    'elasticsearch',
    'file',
  ])
    expect(named).toContain(`\`${type}\``)
})

test('each cell is linked to the test that holds it', () => {
  const wrong = rows.flatMap(([destination = '', ...cells]) => {
    if (cells.length !== 3) return [`${destination}: ${cells.length} cells`]
    return cells.flatMap((cell) => {
      const links = [...cell.matchAll(/\["([^"]+)"\]\(\.\.\/(test\/[\w/.-]+\.test\.ts)\)/g)]
      if (links.length === 0) return [`${destination}: no test for: ${cell}`]
      return links
        .filter(([, name = '', file = '']) => !existsSync(join(root, file)) || !holds(file, name))
        .map(([, name = '', file = '']) => `${destination}: ${file} has no "${name}"`)
    })
  })
  expect(wrong).toEqual([])
})

/** Names may stand in a table of cases, split by a quote of the code. */
function holds(file: string, name: string): boolean {
  return readFileSync(join(root, file), 'utf8').includes(name)
}
