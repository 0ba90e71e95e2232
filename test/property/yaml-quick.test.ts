/** Does the quick reader say what the yaml package says, value and places, wherever it says something? */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/config/findings.ts'
import { parseWhole, parseYaml, type Path, type YamlFile } from '../../src/config/yaml.ts'
import { quickYaml } from '../../src/config/yaml-quick.ts'

/** Every path of a value, some that are not there too. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value)
    ? value.flatMap((entry: unknown, n) => pathsOf(entry, [...path, n]))
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, entry]) => pathsOf(entry, [...path, key]))
      : []
  return [path, ...inner, [...path, 'not there'], [...path, 99]]
}

function places(yaml: YamlFile): unknown[] {
  return pathsOf(yaml.value).map((path) => [path, yaml.place(path), yaml.keyPlace(path), yaml.place(path, 1)])
}

/** True when the quick reader read it; then the package must have read the same. */
function same(text: string): boolean {
  if (quickYaml(text) === undefined) return false
  const findings: Finding[] = []
  const whole = parseWhole('f', text, findings)
  expect(findings).toEqual([])
  const quick = parseYaml('f', text, [])
  expect(quick?.value).toEqual(whole?.value)
  // Key by key in the same order.
  expect(JSON.stringify(quick?.value)).toBe(JSON.stringify(whole?.value))
  expect(places(quick as YamlFile)).toEqual(places(whole as YamlFile))
  return true
}

const scalars = [
  ...[
    'a',
    'acme',
    'A b c',
    'x#y',
    '10.0.0.0/8',
    '256MiB',
    '1',
    '0',
    '-5',
    '-x',
    '007',
    '1.5',
    '1e3',
    '0x1f',
    '.5',
    '5.',
    '1_0',
  ],
  ...[
    'true',
    'False',
    'yes',
    'null',
    '~',
    '"q: x"',
    "'s'",
    '""',
    '"a\\nb"',
    "'it''s'",
    '*a',
    '&a x',
    '!t x',
    '|',
    '>',
    '?',
  ],
  ...[
    'urn:vcloud:org:a93c',
    'tls://192.0.2.1:6514',
    '5b2abda9-aa2e',
    '7e5',
    '7e5d',
    'a: b',
    'a #c',
    '@x',
    '%x',
    ':',
    'a:',
    '-',
  ],
  ...[
    '[1, "a", b]',
    '[]',
    '[ ]',
    '{}',
    '{ a: 1, b: [x, { c: d }] }',
    '[a,b]',
    '{a: 1}',
    '{ a:1 }',
    '[1,, 2]',
    '[a, ]',
    '{ a: }',
    '+1',
    '1:2',
  ],
  ...[
    '{ a: b c, d: "e" }',
    '[10.0.0.0/8, "::1/128"]',
    '{ a: b',
    '[a]]',
    '"a" b',
    '"a"#b',
    '{ env: X } # c',
    'ü',
    '“',
    '+.inf',
    '.nan',
    '---',
    '...',
  ],
]
const keys = ['a', 'b', 'name', 'x.y', 'n@1', 'true', 'null', '1', '"k"', '-', '<<', '__proto__', 'a b', 'k-']

/** Values as a person writes them: these the quick reader takes, but for lists right in lists. */
const plain = fc.constantFrom(
  'acme',
  '10.0.0.0/8',
  '256MiB',
  '5',
  'true',
  '"q: x"',
  "'s'",
  'tls://192.0.2.1:6514',
  '[a, "b", 3]',
  '{ a: 1, b: [x, { c: d }] }',
)

/** The first most of the time. */
function seldom<T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(first) }, fc.constantFrom(first, ...others))
}

const lines = fc.array(
  fc.record({
    indent: seldom(0, 1, 2, 2, 4, 6),
    dash: seldom('', '- ', '- ', '-', '-  ', '- - '),
    key: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e') },
      fc.constantFrom(null, ...keys),
    ),
    colon: seldom(': ', ':', ':  '),
    value: fc.oneof({ weight: 2, arbitrary: plain }, fc.constantFrom('', ...scalars)),
    behind: seldom('', ' ', ' # note', '#no'),
    comment: seldom('', '# note\n', '\n', '   \n', '  # x\n'),
  }),
  { minLength: 1, maxLength: 5 },
)

test('random lines of what YAML is made of', () => {
  let read = 0
  fc.assert(
    fc.property(lines, fc.constantFrom('', '\n'), (made, end) => {
      const text = made
        .map(({ indent, dash, key, colon, value, behind, comment }) => {
          const entry = key === null ? `${value}${behind}` : `${key}${colon}${value}${behind}`
          return `${comment}${' '.repeat(indent)}${dash}${entry}`
        })
        .join('\n')
      if (same(text + end)) read += 1
    }),
    { numRuns: Number(process.env['LOGWEIR_FUZZ_RUNS'] ?? 20_000) },
  )
  expect(read).toBeGreaterThan(1000)
})

/** Pieces without regard to what belongs together: what lines made with sense never hold. */
const pieces = [
  ...[
    'a: ',
    'b: ',
    'c:',
    '- ',
    '-',
    '--',
    '-.5',
    '-.5e1',
    '+.5',
    '.5',
    '-0',
    '1.',
    '0o7',
    '-.inf',
    '.inf',
    '.nan',
    '1e3',
  ],
  ...[
    'a',
    '0',
    '1',
    '~',
    'null',
    'true',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    ',',
    ', ',
    ':',
    ' ',
    '  ',
    ' #',
    '#',
    '\u00a0',
    '\u2003',
  ],
  ...[
    '\n',
    '\n',
    '\n',
    '\n  ',
    '\n  ',
    '\n - ',
    '\n- ',
    '\n\n',
    '\n# c\n',
    '---',
    '...',
    '&a',
    '*a',
    '!',
    '|',
    '<<: ',
  ],
  ...['[-]', '[-, a]', '{ a: - }', '[-a]', 'a:b', 'a::', 'http://x:1', '"a" ', '__proto__: 1', 'toString: '],
]

test('pieces of YAML in any order', () => {
  let read = 0
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 10 }), (made) => {
      if (same(made.join(''))) read += 1
    }),
    { numRuns: Number(process.env['LOGWEIR_FUZZ_RUNS'] ?? 50_000) },
  )
  expect(read).toBeGreaterThan(100)
})

test.each([
  'a: -.5',
  '- -.5',
  'a: [-.5, -.5e1]',
  'a: -.5 # c',
  'a: [-]',
  'a: [-, b]',
  'a: { b: - }',
  'a: [- ]',
])('left to the package: %s', (text) => {
  expect(quickYaml(text)).toBe(undefined)
})

interface Written {
  readonly lines: readonly string[]
}
interface Entry extends Written {
  /** Stands behind its key or dash. */
  readonly flat: boolean
}
const indented = (lines_of: readonly string[]): string[] => lines_of.map((line) => `  ${line}`)
const { block } = fc.letrec<{ block: Written; entry: Entry }>((tie) => ({
  block: fc.oneof(
    { maxDepth: 4 },
    fc
      .uniqueArray(fc.constantFrom('a', 'b', 'c', 'd_e', 'f.g', 'h@1'), { minLength: 1, maxLength: 4 })
      .chain((names) =>
        fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), tie('entry')))).map((entries) => ({
          lines: (entries as [string, Entry][]).flatMap(([name, { lines: own, flat }]) =>
            flat ? [`${name}: ${own[0] ?? ''}`] : [`${name}:`, ...indented(own)],
          ),
        })),
      ),
    fc.array(tie('entry'), { minLength: 1, maxLength: 3 }).map((entries) => ({
      lines: entries.flatMap(({ lines: [first = '', ...rest] }) => [`- ${first}`, ...indented(rest)]),
    })),
  ),
  entry: fc.oneof(
    { maxDepth: 4 },
    plain.map((value) => ({ lines: [value], flat: true })),
    tie('block').map((inner) => ({ lines: inner.lines, flat: false })),
  ),
}))

test('blocks as they are written', () => {
  let read = 0
  let all = 0
  fc.assert(
    fc.property(block, (made) => {
      all += 1
      if (same(`# a file\n${made.lines.join('\n')}\n`)) read += 1
    }),
    { numRuns: 2000 },
  )
  expect(read / all).toBeGreaterThan(0.6)
})

test('the files of this project, whole and cut anywhere', () => {
  const root = join(import.meta.dirname, '../..')
  const files = ['rules', 'examples', 'examples/rules'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => join(root, folder, name)),
  )
  let read = 0
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    if (same(text)) read += 1
    for (let at = 1; at < 60; at++) same(text.slice(0, Math.floor((text.length * at) / 60)))
  }
  expect(read).toBeGreaterThan(0)
})
