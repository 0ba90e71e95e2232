/** Does every example of the rules' guide and cookbook do what it says? */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { blocksOf } from './support/docs.ts'
import { exampleProblems } from './support/rule-examples.ts'
import { root } from './support/tree.ts'

const FILE_KEYS = [
  'version',
  'tenants',
  'provider',
  'streams',
  'label_formats',
  'conditions',
  'templates',
  'defaults',
]

interface Example {
  readonly rules: readonly string[]
  readonly tests: string
}

/** The blocks of one section: rules, or keys of a forwarder alone, and perhaps tests. */
function examplesOf(text: string): Example[] {
  const blocks = blocksOf(text).filter(({ language }) => language === 'yaml')
  const examples: { rules: string[]; tests: string }[] = []
  let open: { rules: string[]; tests: string } | undefined
  for (const block of blocks) {
    const keys = Object.keys((parse(block.text) ?? {}) as object)
    if (keys[0] === 'tests') {
      if (open === undefined) throw new Error(`tests without rules: ${block.text}`)
      examples.push({ rules: open.rules, tests: block.text })
      open = undefined
      continue
    }
    const whole = keys.every((key) => FILE_KEYS.includes(key))
    if (open === undefined || !whole) {
      if (open !== undefined) examples.push(open)
      open = { rules: [], tests: '' }
    }
    open.rules.push(whole ? block.text : forwarderOf(block.text))
  }
  if (open !== undefined) examples.push(open)
  return examples
}

/** Keys of a forwarder, as an example shows them alone. */
function forwarderOf(text: string): string {
  const indented = text.replaceAll(/^(?=.)/gm, '      ')
  return `provider:\n  forwarders:\n    - name: example\n      to: udp://192.0.2.1\n${indented}`
}

const PAGES = ['docs/rules.md', 'docs/cookbook.md']

describe.each(PAGES)('%s', (name) => {
  const sections = readFileSync(path.join(root, name), 'utf8').split(/^(?=## )/m)
  const all = sections.flatMap((section) => {
    const title = (/^## (.*)$/m.exec(section)?.[1] ?? 'top').replaceAll('`', '')
    return examplesOf(section).map((example, n): [string, Example] => [`${title}, ${n + 1}`, example])
  })

  test.each(all)('%s', (_, { rules, tests }) => {
    expect(exampleProblems(rules, tests)).toEqual([])
  })

  test('is full of examples', () => {
    expect(all.length).toBeGreaterThanOrEqual(10)
  })
})

test('each recipe of the cookbook has rules and a test of them', () => {
  const sections = readFileSync(path.join(root, 'docs/cookbook.md'), 'utf8')
    .split(/^(?=## )/m)
    .slice(1)
  expect(sections.length).toBeGreaterThanOrEqual(10)
  for (const section of sections) expect(examplesOf(section).every(({ tests }) => tests !== '')).toBe(true)
})

test('an example that is wrong is told', () => {
  const rules = [
    'provider:\n  forwarders:\n    - { name: a, to: "udp://192.0.2.1", where: { severity: 3 } }\n',
  ]
  const wrong = `tests:
  - name: x
    event: "<13>Jan  2 03:04:05 h a: b"
    expect: { forwarders: [provider/a], sends: { provider/a: z }, tenant: acme }
`
  expect(exampleProblems(rules, wrong)).toEqual(['5: there is no tenant "acme"'])
  expect(exampleProblems(rules, wrong.replace(', tenant: acme', ', tenant: null, reason: label'))).toEqual([
    'x: reason: expected "label", found "no_label"',
    'x: forwarders: expected ["provider/a"], found []',
    'x: sends provider/a: expected "z", found "nothing: it does not get the event"',
  ])
  expect(exampleProblems(['tenants: 5\n'], 'tests: []')).not.toEqual([])
})
