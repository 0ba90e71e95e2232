/** Holds the layout: arrows between folders point one way, files stay small, and some words never get in. */
import { expect, test } from 'vitest'
import { type Allowed, arrowsOf, refusals } from './support/arrows.ts'
import { files } from './support/tree.ts'

/** Who may import whom below `src`. Work flows left to right; only `worker` knows all the stages. */
const LAYERS: Readonly<Record<string, Allowed>> = {
  base: { any: [] },
  framing: { any: ['base'] },
  relp: { any: ['base', 'framing'] },
  classify: { any: ['base'] },
  config: { any: ['base'] },
  rules: { any: ['base', 'config', 'classify'] },
  queue: { any: ['base'] },
  spool: { any: ['base', 'queue'] },
  route: { any: ['base', 'classify', 'rules', 'queue'] },
  listen: { any: ['base', 'config', 'framing', 'relp', 'classify'] },
  forward: { any: ['base', 'config', 'classify', 'queue', 'relp'], types: ['rules'] },
  import: { any: ['base', 'config', 'rules'] },
  inventory: { any: ['base', 'config', 'classify', 'rules', 'forward'] },
  worker: {
    any: ['base', 'config', 'listen', 'framing', 'classify', 'rules', 'route', 'queue', 'spool', 'forward'],
  },
  control: { any: ['base', 'config', 'rules', 'worker', 'spool', 'queue', 'classify'] },
  admin: { any: ['base', 'config', 'control'] },
  cli: {
    any: [
      'base',
      'config',
      'listen',
      'framing',
      'relp',
      'classify',
      'rules',
      'route',
      'queue',
      'spool',
      'forward',
      'worker',
      'control',
      'admin',
      'inventory',
      'import',
    ],
  },
}

const LINES_MAX = 500

const BANNED: readonly (readonly [RegExp, string])[] = [
  [/\b(TODO|FIXME|XXX)\b/, 'unfinished work belongs in an issue'],
  [/\bas any\b/, 'say the type, or `unknown` and check it'],
  [/\b(test|it|describe)\.only\(/, 'the other tests would not run'],
  [/(^|[\s"'`(=:])\/(work|root)\/[a-z.]/m, 'a path of one machine'],
]
/** This file holds the list itself. */
const HOLDS_THEM = 'test/architecture.test.ts'

const CODE = /^(src|bin|bench|scripts|test)\/.*\.(ts|js)$/
const tree = files()

test('imports between folders of src point one way', () => {
  const sources = tree.filter(({ name }) => name.startsWith('src/'))
  const arrows = sources.flatMap(({ name, text }) => arrowsOf(name.slice('src/'.length), text))
  expect(refusals(arrows, LAYERS)).toEqual([])
})

test('src knows nothing of tests, benchmarks and scripts', () => {
  const outside = tree
    .filter(({ name }) => name.startsWith('src/'))
    .flatMap(({ name, text }) => arrowsOf(name, text))
    .filter(({ to }) => ['test', 'bench', 'scripts', 'fixtures'].includes(to))
  expect(outside).toEqual([])
})

test(`no file of code has more than ${LINES_MAX} lines`, () => {
  const long = tree
    .filter(({ name }) => CODE.test(name))
    .map(({ name, text }) => ({ name, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX)
  expect(long).toEqual([])
})

test('banned words stay out', () => {
  const found = tree
    .filter(({ name }) => name !== HOLDS_THEM)
    .flatMap(({ name, text }) =>
      BANNED.flatMap(([word, why]) => {
        const hit = word.exec(text)
        if (hit === null) return []
        return [`${name}:${text.slice(0, hit.index).split('\n').length}: ${hit[0].trim()}: ${why}`]
      }),
    )
  expect(found).toEqual([])
})

test('a document that the project names exists', () => {
  const known = new Set(tree.map(({ name }) => name.slice(name.lastIndexOf('/') + 1)))
  const missing = tree.flatMap(({ name, text }) =>
    [...text.matchAll(/\b[A-Z][A-Z-]+\.md\b/g)]
      .filter(([document]) => !known.has(document))
      .map(([document]) => `${name} names ${document}`),
  )
  expect(missing).toEqual([])
})

test('the judge of arrows sees every way to import', () => {
  const text = [
    "import { a } from '../base/a.ts'",
    "import type {\n  B,\n} from '../rules/b.ts'",
    "export * from '../queue/c.ts'",
    "const late = await import('../admin/d.ts')",
    "new Worker(new URL('../worker/e.ts', import.meta.url))",
    "import '../cli/f.ts'",
    "// import { g } from '../control/g.ts'",
    "import near from './near.ts'",
  ].join('\n')
  const seen = arrowsOf('forward/tcp.ts', text).map(({ at, to, typesOnly }) => [at, to, typesOnly])
  expect(seen).toEqual([
    ['forward/tcp.ts:1', 'base', false],
    ['forward/tcp.ts:2', 'rules', true],
    ['forward/tcp.ts:5', 'queue', false],
    ['forward/tcp.ts:6', 'admin', false],
    ['forward/tcp.ts:7', 'worker', false],
    ['forward/tcp.ts:8', 'cli', false],
    ['forward/tcp.ts:10', 'forward', false],
  ])
})

test('the judge of arrows names each that points up', () => {
  const text =
    "import { a } from '../cli/a.ts'\nimport { b } from '../rules/b.ts'\nimport type { C } from '../rules/c.ts'"
  expect(refusals(arrowsOf('forward/tcp.ts', text), LAYERS)).toEqual([
    'forward/tcp.ts:1: forward/ must not import cli/a.ts: the arrow points up',
    'forward/tcp.ts:2: forward/ may import only types (`import type`) of rules/b.ts',
  ])
  expect(refusals(arrowsOf('extra/x.ts', "import '../base/a.ts'"), LAYERS)).toEqual([
    'extra/x.ts:1: extra/ is not in the layer table',
  ])
})
