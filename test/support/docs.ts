/** Reads the documentation as its tests need it: links, code, tables, and what it names. */
import path from 'node:path'
import type { SourceFile } from './tree.ts'

export interface Link {
  /** File and line where it stands. */
  readonly at: string
  /** Path below the root that it leads to. */
  readonly file: string
  /** Behind `#`; empty when there is none. */
  readonly anchor: string
}

/** Relative links of a page. */
export function linksOf({ name, text }: SourceFile): Link[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
    const [target = '', anchor = ''] = (match[1] ?? '').split('#')
    if (/^[a-z]+:/.test(target)) return []
    const file = target === '' ? name : path.posix.join(path.posix.dirname(name), target)
    return [{ at: placeOf(name, text, match.index), file, anchor }]
  })
}

/** Anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): Set<string> {
  const headings = [...withoutBlocks(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

export interface Block {
  readonly language: string
  readonly text: string
}

/** Fenced blocks, also those inside lists. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', body = '']) => ({
      language,
      text: body
        .split('\n')
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join('\n'),
    }),
  )
}

/** Inline code, without fenced blocks. */
export function inlineOf(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '')
}

/** Shell lines and inline code, comments and prompts taken off, continued lines joined. */
export function codeOf(text: string): string[] {
  const lines = blocksOf(text)
    .filter(({ language }) => ['sh', 'ini', ''].includes(language))
    .flatMap((block) => block.text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
  return [...lines, ...inlineOf(text)].filter((line) => line !== '')
}

export interface Use {
  readonly command: string
  readonly options: readonly string[]
  readonly line: string
}

/** Calls of Logweir: `npx logweir send --to …`, `node bin/logweir.js run`, `logweir check`. */
export function usesOf(text: string): Use[] {
  return codeOf(text).flatMap((line) =>
    [...line.matchAll(/(?:^|[ |/])logweir(?:\.js)? ([a-z]+)\b([^|;&]*)/g)].map((match) => ({
      command: match[1] ?? '',
      options: [...(match[2] ?? '').matchAll(/(?:^|\s)--([a-z-]+)/g)].map((option) => option[1] ?? ''),
      line,
    })),
  )
}

/** Rows of all tables: cells, code marks kept. Headings and rulers are left out. */
export function rowsOf(text: string): string[][] {
  const rows: string[][] = []
  const lines = withoutBlocks(text).split('\n')
  for (const [n, line] of lines.entries()) {
    if (!line.startsWith('|') || /^\|[\s|:-]+\|$/.test(line)) continue
    if (/^\|[\s|:-]+\|$/.test(lines[n + 1] ?? '')) continue
    rows.push(
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    )
  }
  return rows
}

/** The part of a page from one heading to the next of its level or above. */
export function sectionOf(text: string, heading: string): string {
  const lines = text.split('\n')
  const from = lines.indexOf(heading)
  if (from === -1) throw new Error(`there is no heading "${heading}"`)
  const level = heading.indexOf(' ')
  const to = lines.findIndex((line, n) => n > from && /^#+ /.test(line) && line.indexOf(' ') <= level)
  return lines.slice(from, to === -1 ? undefined : to).join('\n')
}

export interface Key {
  readonly path: string
  /** As the schema has it; undefined: none. */
  readonly standard: unknown
}

/** Every key of a JSON Schema by its path; items of lists are `[]`. References are not followed. */
export function keysOf(schema: unknown, prefix = ''): Key[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties, items, anyOf, oneOf } = schema as Record<string, unknown>
  const own = Object.entries((properties ?? {}) as Record<string, Record<string, unknown>>).flatMap(
    ([key, value]) => [
      { path: `${prefix}${key}`, standard: value['default'] },
      ...keysOf(value, `${prefix}${key}.`),
    ],
  )
  const choices = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
  const inner = [...own, ...keysOf(items, `${prefix}[].`), ...choices.flatMap((one) => keysOf(one, prefix))]
  return [...new Map(inner.map((key) => [key.path, key])).values()]
}

/** Rows of `bench/RESULTS.md` that the README repeats, under the line that says when and where they were measured. */
export function figuresOf(results: string, wanted: readonly string[]): string {
  const [measured = ''] = results.split('\n').filter((line) => /^\d{4}-\d\d-\d\d, on /.test(line))
  const table = results.split('\n').filter((line) => line.startsWith('|'))
  const start = table.findIndex((line) => line.startsWith('| tenants'))
  const rows = wanted.flatMap((row) => table.find((line) => shape(line).startsWith(row)) ?? [])
  return [measured, '', ...table.slice(start, start + 2), ...rows].join('\n')
}

function shape(line: string): string {
  return line.replaceAll(/ +/g, ' ')
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, (block) => block.replaceAll(/[^\n]/g, ''))
}

function placeOf(name: string, text: string, index: number): string {
  return `${name}:${text.slice(0, index).split('\n').length}`
}
