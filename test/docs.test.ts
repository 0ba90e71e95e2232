/** Is what README and guide say still so: links, files, commands, keys with their defaults, metrics, reasons, figures? */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { DROP_REASONS, ORPHAN_REASONS, REFUSE_REASONS } from '../src/base/counters.ts'
import { COMMANDS, LATER } from '../src/cli/table.ts'
import { configJsonSchema } from '../src/config/json-schema.ts'
import { FIELD_NAMES } from '../src/rules/read-where-fields.ts'
import { rulesJsonSchema } from '../src/rules/schema-json.ts'
import { logweir } from './integration/cli/support.ts'
import {
  anchorsOf,
  blocksOf,
  codeOf,
  figuresOf,
  inlineOf,
  keysOf,
  linksOf,
  rowsOf,
  sectionOf,
  usesOf,
} from './support/docs.ts'
import { tempFolder } from './support/temp-folder.ts'
import { files, root, type SourceFile } from './support/tree.ts'

const tree = files()
const pages = tree.filter(
  ({ name }) =>
    name.startsWith('docs/') ||
    ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/RESULTS.md'].includes(name),
)
/** Commands run as processes of their own, on a machine that may be busy. */
const PROCESS_MS = 120_000

function page(name: string): string {
  return read(name)
}

function read(name: string): string {
  return readFileSync(path.join(root, name), 'utf8')
}

function exists(name: string): boolean {
  return existsSync(path.join(root, name))
}

/** Named although it is not there: an example, and what is made when it is needed. */
const NAMED_ONLY = ['examples/rules/initech.yaml', 'test/unit/x.test.ts', 'bench/out', 'test/soak/']

test('relative links lead somewhere, and their anchors are headings', () => {
  const broken = pages.flatMap(linksOf).flatMap(({ at, file, anchor }) => {
    if (!exists(file)) return [`${at}: there is no ${file}`]
    if (anchor === '' || anchorsOf(page(file)).has(anchor)) return []
    return [`${at}: ${file} has no heading #${anchor}`]
  })
  expect(broken).toEqual([])
})

test('every page of the guide is in its list', () => {
  const listed = new Set(
    linksOf({ name: 'docs/README.md', text: page('docs/README.md') }).map(({ file }) => file),
  )
  const guide = pages.map(({ name }) => name).filter((name) => /^docs\/[a-z-]+\.md$/.test(name))
  expect(guide.filter((name) => !listed.has(name))).toEqual([])
})

test('files that are named exist', () => {
  const missing = pages.flatMap(({ name, text }) =>
    [
      ...text.matchAll(
        /(?:^|[`\s(])((?:src|docs|test|bench|examples|fixtures|schema|bin|scripts)\/[\w./-]*\w\/?)(?![\w*-])/gm,
      ),
    ]
      .map((match) => match[1] ?? '')
      .filter((file) => !exists(file) && !NAMED_ONLY.includes(file))
      .map((file) => `${name} names ${file}`),
  )
  expect([...new Set(missing)]).toEqual([])
})

test('commands and their options exist', () => {
  const known = new Map(
    COMMANDS.map(({ name, options }) => [name, new Set(options.map((option) => option.name))]),
  )
  const wrong = pages.flatMap(({ name, text }) =>
    usesOf(text).flatMap(({ command, options, line }) => {
      const own = known.get(command)
      if (own === undefined) return [`${name}: no command in: ${line}`]
      return options
        .filter((option) => option !== 'help' && !own.has(option))
        .map((option) => `${name}: --${option} in: ${line}`)
    }),
  )
  expect(wrong).toEqual([])
})

test('commands of later versions are named as such', () => {
  const named = inlineOf(sectionOf(page('README.md'), '## What it does not do yet'))
  expect(LATER.filter((command) => !named.includes(command))).toEqual([])
})

test('npm scripts that are named exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const missing = pages.flatMap(({ name, text }) =>
    codeOf(text).flatMap((line) =>
      [...line.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)]
        .map((match) => match[1] ?? match[2] ?? '')
        .filter((script) => scripts[script] === undefined)
        .map((script) => `${name}: npm run ${script}`),
    ),
  )
  expect(missing).toEqual([])
})

// ---- keys ----------------------------------------------------------------------------------------

/** `listeners.[].tls.key` as the tables have it: `tls.key`. */
function shortPath(full: string): string {
  return full.replace(/^.*\[\]\./, '')
}

interface Documented {
  readonly standard: string
}

/** First column to second column of the tables with keys; several keys may share a row. */
function documented(text: string): Map<string, Documented> {
  const found = new Map<string, Documented>()
  for (const [first = '', second = ''] of rowsOf(text)) {
    const keys = [...first.matchAll(/`([a-z_.]+)`/g)].map((match) => match[1] ?? '')
    const standards = [...second.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
    for (const [n, key] of keys.entries()) {
      const own =
        standards.length === keys.length && keys.length > 1
          ? (standards[n] ?? '')
          : second.replaceAll('`', '')
      found.set(key, { standard: own })
    }
  }
  return found
}

function textOf(standard: unknown): string {
  return typeof standard === 'string' ? standard : JSON.stringify(standard)
}

/** Keys that nobody writes a row for: they hold others. */
function leaves(schema: unknown): { key: string; standard: unknown }[] {
  const all = keysOf(schema)
  return all
    .filter(
      ({ path: one }) =>
        !all.some((other) => other.path.startsWith(`${one}.`) && !other.path.startsWith(`${one}.[]`)),
    )
    .map(({ path: one, standard }) => ({ key: shortPath(one), standard }))
}

test('every key of the configuration is documented with its default, and no other', () => {
  const text = page('docs/configuration.md').split('## Environment')[0] ?? ''
  const rows = documented(text)
  const keys = leaves(configJsonSchema())
  expect(keys.filter(({ key }) => !rows.has(key)).map(({ key }) => key)).toEqual([])
  const wrong = keys
    .filter(({ standard }) => standard !== undefined)
    .filter(({ key, standard }) => !(rows.get(key)?.standard ?? '').startsWith(textOf(standard)))
    .map(({ key, standard }) => `${key}: ${rows.get(key)?.standard} is not ${textOf(standard)}`)
  expect(wrong).toEqual([])
  const known = new Set(keys.map(({ key }) => key))
  expect([...rows.keys()].filter((key) => !known.has(key))).toEqual([])
})

test('every key of the rules is documented, those of forwarders with their default', () => {
  const text = page('docs/rules.md')
  const schema = rulesJsonSchema()
  const words = new Set(inlineOf(text).flatMap((code) => code.split(/[^a-z0-9_]+/)))
  const forwarder = documented(sectionOf(text, '## Forwarders'))
  const names_of_all = keysOf(schema).map(({ path: one }) => one.split('.').at(-1) ?? '')
  expect(names_of_all.filter((name) => name !== 'env' && name !== 'file' && !words.has(name))).toEqual([])
  const keys = keysOf(schema)
    .filter(({ path: one }) => one.startsWith('provider.forwarders.[].'))
    .map(({ path: one, standard }) => ({ key: shortPath(one), standard }))
  const top = new Set(keys.map(({ key }) => key))
  const wrong = keys
    .filter(({ standard }) => standard !== undefined && typeof standard !== 'object')
    .filter(({ key, standard }) => !(forwarder.get(key)?.standard ?? '').startsWith(textOf(standard)))
    .map(({ key, standard }) => `${key}: ${forwarder.get(key)?.standard} is not ${textOf(standard)}`)
  expect(wrong).toEqual([])
  expect([...forwarder.keys()].filter((key) => !top.has(key))).toEqual([])
})

test('every field of conditions is documented', () => {
  const words = new Set(
    inlineOf(sectionOf(page('docs/rules.md'), '## Conditions: `where`')).flatMap((code) => code.split(' ')),
  )
  const plain = FIELD_NAMES.filter((name) => !name.includes('.'))
  expect(plain.filter((name) => !words.has(name))).toEqual([])
})

// ---- what the router counts ----------------------------------------------------------------------

const METRIC = /\blogweir_[a-z][a-z_]*[a-z]\b/g

test('metrics and documentation name the same', () => {
  const made = new Set(
    [...read('src/control/metrics.ts').matchAll(/'(logweir_[a-z_]+)'/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => !/_(bucket|sum|count)$/.test(name)),
  )
  const operations = new Set(
    rowsOf(page('docs/operations.md')).flatMap(([first = '']) => first.match(METRIC) ?? []),
  )
  expect([...made].filter((name) => !operations.has(name))).toEqual([])
  const named = pages.flatMap(({ name, text }) =>
    [...text.matchAll(METRIC)].map((match) => `${name}: ${match[0]}`),
  )
  expect([...new Set(named)].filter((line) => !made.has(line.split(': ')[1] ?? ''))).toEqual([])
})

test.each([
  ['## Orphans', ORPHAN_REASONS],
  ['## Refusals', REFUSE_REASONS],
  ['## Drops', DROP_REASONS],
] as const)('every reason has its row: %s', (heading, reasons) => {
  const rows = rowsOf(sectionOf(page('docs/operations.md'), heading)).flatMap(([first = '']) => [
    ...first.matchAll(/`(\w+)`/g),
  ])
  expect(new Set(rows.map((match) => match[1]))).toEqual(new Set(reasons))
  expect(rows.length).toBe(reasons.length)
})

// ---- what is shown can be run --------------------------------------------------------------------

test('the commands of the README that only read are run', { timeout: PROCESS_MS }, async () => {
  const safe = usesOf(page('README.md')).filter(
    ({ command, line }) =>
      ['check', 'explain', 'parse', 'test'].includes(command) && line.includes('--config'),
  )
  expect(safe.length).toBeGreaterThan(1)
  for (const { line } of safe) {
    const words = line.split(/\s+/).slice(line.startsWith('npx') ? 2 : 1)
    const { code, stderr } = await logweir(words)
    expect({ line, code, stderr }).toMatchObject({ code: 0 })
  }
  const help = await logweir(['--help'])
  expect(help.code).toBe(0)
  for (const { name } of COMMANDS) expect(help.stdout).toContain(`  ${name} `)
})

test('what the README shows of explain and status is what comes out', { timeout: PROCESS_MS }, async () => {
  const words = ['explain', '--short', '--config', 'examples/logweir.yaml', 'fixtures/nsxt-dfw.log']
  const shown = blocksOf(page('README.md')).map(({ text }) => text)
  const explained = shown.find((text) => text.startsWith('1: ')) ?? 'missing'
  const { stdout } = await logweir(words)
  expect(stdout).toContain(explained)
  const { stdout: lines } = await logweir([...words, '--peer', '127.0.0.1', '--json'])
  const events = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { tenant: string | null; reason: string })
  const orphans = events.filter(({ tenant }) => tenant === null)
  const reasons = ORPHAN_REASONS.map(
    (reason) => [reason, orphans.filter((one) => one.reason === reason).length] as const,
  )
  const why = reasons.filter(([, count]) => count > 0).map(([reason, count]) => `${reason} ${count}`)
  const status = `received ${events.length}  owned ${events.length - orphans.length}  orphaned ${orphans.length} (${why.join(', ')})`
  expect(shown.find((text) => text.startsWith('received'))).toContain(status)
})

test('rules and sources that are shown are valid', { timeout: PROCESS_MS }, async () => {
  const yaml = ['README.md', 'docs/rules.md'].flatMap((name) =>
    blocksOf(page(name)).filter(({ language, text }) => language === 'yaml' && text.startsWith('version')),
  )
  expect(yaml.length).toBe(2)
  const rules = yaml.map(({ text }, n): [string, string] => [`rules/${n}.yaml`, text])
  const sources =
    blocksOf(page('docs/security.md')).find(({ text }) => text.startsWith('sources'))?.text ?? 'missing'
  const listener = 'listeners: [{ name: in, transport: tcp, bind: "127.0.0.1:0", allow: ["127.0.0.0/8"] }]'
  const configuration = `version: 1\n${listener}\n${sources}`
  const folder = tempFolder({ ...Object.fromEntries(rules), 'logweir.yaml': configuration })
  const config = path.join(folder, 'logweir.yaml')
  const { code, stdout, stderr } = await logweir(['check', '--config', config])
  expect({ code, stdout, stderr }).toMatchObject({ code: 0 })
})

test('the event in event-json.md has the keys of a real one', { timeout: PROCESS_MS }, async () => {
  const shown = JSON.parse(blocksOf(page('docs/event-json.md'))[0]?.text ?? '') as Record<string, object>
  const words = ['parse', '--config', 'examples/logweir.yaml', 'fixtures/nsxt-dfw.log']
  const { stdout } = await logweir(words)
  const real = JSON.parse(stdout.split('\n')[0] ?? '') as Record<string, object>
  const arrival = ['id', 'received_at', 'listener', 'peer', 'source', 'site']
  expect(Object.keys(shown)).toEqual(['schema', ...arrival, ...Object.keys(real).slice(1)])
  for (const key of ['firewall', 'owner'])
    expect(Object.keys(shown[key] ?? {})).toEqual(Object.keys(real[key] ?? {}))
  const rows = rowsOf(page('docs/event-json.md')).flatMap(([first = '']) => inlineOf(first))
  expect(Object.keys(shown).filter((key) => !rows.includes(key))).toEqual([])
})

// ---- figures -------------------------------------------------------------------------------------

const FIGURES = /(<!-- figures -->\n)([\s\S]*?)(\n<!-- \/figures -->)/
const SHOWN = ['| 10 | TCP newline, 1 conn. |', '| 1,000 | TCP newline, 1 conn. |', '| 10 | UDP |']

test('figures of the README are those of bench/RESULTS.md', () => {
  const readme = page('README.md')
  const figures = figuresOf(page('bench/RESULTS.md'), SHOWN)
  // Written anew with LOGWEIR_UPDATE=1, after another run of the benchmark.
  if (process.env['LOGWEIR_UPDATE'] === '1')
    writeFileSync(
      path.join(root, 'README.md'),
      readme.replace(FIGURES, (_, before: string, __, after: string) => `${before}${figures}${after}`),
    )
  expect(FIGURES.exec(page('README.md'))?.[2], 'LOGWEIR_UPDATE=1 npx vitest run test/docs.test.ts').toBe(
    figures,
  )
})

// ---- the judges ----------------------------------------------------------------------------------

const SAMPLE: SourceFile = {
  name: 'docs/a.md',
  text: [
    '# One & two',
    'See [b](b.md#x), [up](../README.md), [web](https://example.com/x), `logweir top --json`.',
    '| key | default |',
    '|---|---|',
    '| `a.b` | `1s` |',
    '```sh',
    'npx logweir send --to tcp://127.0.0.1:1 \\',
    '  --rate 5 file   # [no](link.md)',
    '```',
    '## Next',
  ].join('\n'),
}

test('the judges see what they should', () => {
  expect(linksOf(SAMPLE)).toEqual([
    { at: 'docs/a.md:2', file: 'docs/b.md', anchor: 'x' },
    { at: 'docs/a.md:2', file: 'README.md', anchor: '' },
  ])
  expect([...anchorsOf(SAMPLE.text)]).toEqual(['one--two', 'next'])
  expect(usesOf(SAMPLE.text).map(({ command, options }) => [command, ...options])).toEqual([
    ['send', 'to', 'rate'],
    ['top', 'json'],
  ])
  expect(rowsOf(SAMPLE.text)).toEqual([['`a.b`', '`1s`']])
  expect(sectionOf(SAMPLE.text, '## Next')).toBe('## Next')
  expect(documented(SAMPLE.text).get('a.b')).toEqual({ standard: '1s' })
  const schema = { properties: { a: { items: { properties: { b: { default: 1 } } } } } }
  expect(keysOf(schema)).toEqual([
    { path: 'a', standard: undefined },
    { path: 'a.[].b', standard: 1 },
  ])
})
