/**
 * Writes the tables of docs/streams.md from the fixtures: for every stream and variant a line of our own and what is read
 * in it, and the names of all inner fields. `node scripts/streams-doc.ts` writes; a test holds the page to it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { FAMILIES } from '../src/classify/inner.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const PAGE = 'docs/streams.md'
/** Longer values are shown cut; the fixtures have them whole. */
const VALUE_MAX = 60

interface Variant {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly variant: string
}

/** An expectation of `fixtures/*.expect.jsonl`, as far as it is shown. */
interface Expectation {
  readonly stream: string
  readonly label: string | null
  readonly header: string
  readonly valid: boolean
  readonly firewall?: Readonly<Record<string, unknown>>
  readonly [family: string]: unknown
}

/** The page with its generated parts written anew. */
export function withTables(page: string, root = ROOT): string {
  return replacePart(replacePart(page, 'fields', fieldTable()), 'lines', lineTables(root))
}

function replacePart(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: written by scripts/streams-doc.ts -->\n`
  const end = `<!-- /${name} -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${PAGE} has no part ${name}`)
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`
}

function fieldTable(): string {
  const rows = FAMILIES.map(({ name, fields }) => {
    const names = fields.map(({ key, kind }) => `\`${key}\`${kind === 'text' ? '' : ` (${kind})`}`)
    return `| \`${name}\` | ${names.join(', ')} |`
  })
  return ['| key | fields |', '|---|---|', ...rows, ''].join('\n')
}

/** The streams in the order in which their first variant is listed, each with a table. */
function lineTables(root: string): string {
  const streams = new Map<string, string[]>()
  for (const variant of variants(root)) {
    const line = linesOf(root, `${variant.file}.log`)[variant.line - 1] ?? ''
    const text = linesOf(root, `${variant.file}.expect.jsonl`)[variant.line - 1]
    if (text === undefined || text === '') throw new Error(`${variant.file}:${variant.line} is not there`)
    const read = JSON.parse(text) as Expectation
    const rows = streams.get(read.stream) ?? []
    rows.push(`| ${variant.variant} | ${code(line)} | ${whatIsRead(read)} |`)
    streams.set(read.stream, rows)
  }
  return [...streams]
    .map(([stream, rows]) =>
      [`### ${stream}`, '', '| variant | line | read |', '|---|---|---|', ...rows, ''].join('\n'),
    )
    .join('\n')
}

/** All variants, in their order. */
export function variants(root = ROOT): Variant[] {
  return linesOf(root, 'variants.jsonl')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Variant)
}

function linesOf(root: string, file: string): string[] {
  return readFileSync(path.join(root, 'fixtures', file), 'utf8').split('\n')
}

function whatIsRead(read: Expectation): string {
  const family = FAMILIES.find(({ name }) => read[name] !== undefined)?.name
  const inner = family === undefined ? {} : (read[family] as Readonly<Record<string, unknown>>)
  const parts = [
    ...(read.label === null ? [] : [pair('label', read.label)]),
    ...Object.entries(read.firewall ?? {}).map(([key, value]) => pair(key, value)),
    ...Object.entries(inner).map(([key, value]) => pair(`${family}.${key}`, value)),
  ]
  const header = `${read.header}${read.valid ? '' : ', not valid'}`
  return [header, ...parts].join('; ')
}

function pair(key: string, value: unknown): string {
  const text = String(value)
  return `${key} ${code(text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text)}`
}

/** As code in a cell: bars would end the cell, backquotes the code. */
function code(text: string): string {
  const fence = text.includes('`') ? '``' : '`'
  const edge = text === '' || text.startsWith(' ') || text.endsWith(' ') || fence === '``' ? ' ' : ''
  return `${fence}${edge}${text.replaceAll('|', '\\|')}${edge}${fence}`
}

if (process.argv[1] === import.meta.filename) {
  const file = path.join(ROOT, PAGE)
  writeFileSync(file, withTables(readFileSync(file, 'utf8')))
}
