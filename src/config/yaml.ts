/**
 * YAML 1.2 with places: the plain value of a file, and for every path in it the line and column where it stands.
 * Everything is bounded (bytes, aliases, nesting by the stack, complaints), and nothing throws.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { Buffer } from 'node:buffer'
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import { errorCode, errorText } from '../base/errors.ts'
import type { Finding, Place } from './findings.ts'
import { sizeText } from './quantities.ts'
import { type QuickNode, quickNode, quickOffset, quickYaml } from './yaml-quick.ts'
import { scalarShift } from './yaml-scalar.ts'
import { unresolvedAlias, wordComplaints } from './yaml-words.ts'

/** Keys and list positions from the top of a file down to a value. */
export type Path = readonly (string | number)[]

/** Bytes of one configuration or rules file, where `limits.file_max` does not say otherwise. */
export const FILE_MAX_DEFAULT = 8 * 2 ** 20

/** Times that aliases of one file may be followed: enough for shared lists, too few for an alias bomb. */
const ALIASES_MAX = 10_000

/** Flow collections inside each other, roughly: brackets in texts count too. Far above what a person writes. */
const BRACKETS_MAX = 1000

/** Syntax complaints of one file; one lost quote can make thousands. */
const COMPLAINTS_MAX = 50

/** A parsed file. `value` is what YAML says, before references are resolved. */
export interface YamlFile {
  readonly file: string
  readonly text: string
  readonly value: unknown
  /**
   * Where the value at a path stands; of a missing one, where its nearest parent stands. With `within`, where that
   * character of a text stands.
   */
  place(path: Path, within?: number): Place
  /** Where the key of the last step of a path stands; a list's entry stands for itself. */
  keyPlace(path: Path): Place
}

/** Reads and parses a file. What is wrong goes to `findings`; undefined when there is nothing to work with. */
export function readYaml(file: string, max: number, findings: Finding[]): YamlFile | undefined {
  const text = readBounded(file, max, findings, 'limits.file_max')
  return text === undefined ? undefined : parseYaml(file, text, findings)
}

/** The text of a regular file of at most `max` bytes of UTF-8; else a finding that names the file and the mend. */
export function readBounded(
  file: string,
  max: number,
  findings: Finding[],
  limit: string,
): string | undefined {
  const fail = (message: string, hint: string): undefined => {
    findings.push({ level: 'error', file, line: 0, column: 0, message, hint })
    return undefined
  }
  try {
    const about = statSync(file)
    if (about.isDirectory()) return fail('is a folder, not a file', 'name a file in it')
    // A pipe or a device may never end, and opening a pipe waits for its writer.
    if (!about.isFile()) return fail('is not a regular file', 'name a regular file')
    const bytes = readUpTo(file, max + 1)
    if (bytes.length > max)
      return fail(`is larger than ${sizeText(max)} (\`${limit}\`)`, 'split it or raise the limit')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT')
      return fail('there is no such file', 'check the path; relative ones start at the file that names them')
    if (code === 'EACCES' || code === 'EPERM')
      return fail('cannot be read: permission denied', 'give the user of Logweir leave to read it')
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return fail('is not UTF-8 text', 'save it as UTF-8')
    return fail(`cannot be read: ${errorText(error)}`, '')
  }
}

/** Parses text that came from `file`. Every syntax error becomes a finding; undefined when there was one. */
export function parseYaml(file: string, text: string, findings: Finding[]): YamlFile | undefined {
  const quick = quickYaml(text)
  return quick === undefined ? parseWhole(file, text, findings) : quickFile(file, text, quick)
}

/** The same by the yaml package alone, whatever the text is. */
export function parseWhole(file: string, text: string, findings: Finding[]): YamlFile | undefined {
  const lines = new LineCounter()
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const fail = (message: string): undefined => {
    findings.push({ level: 'error', file, line: 1, column: 1, message, hint: DEEP_HINT })
    return undefined
  }
  if (unclosed(text) > BRACKETS_MAX) return fail('is nested too deeply')
  try {
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      // The library compares every key with every other; `reportTwice` is linear.
      uniqueKeys: false,
      strict: true,
    })
    const wrong = document.errors.slice(0, COMPLAINTS_MAX)
    for (const { at, message, hint } of wordComplaints(text, wrong))
      findings.push({ level: 'error', ...placeAt(at), message, hint })
    if (reportTwice(document, placeAt, findings) || wrong.length > 0) return undefined
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return {
      file,
      text,
      value,
      place: (path, within) =>
        placeAt(
          offsetOf(document, path, false) +
            (within === undefined ? 0 : shiftIn(document, text, path, within)),
        ),
      keyPlace: (path) => placeAt(offsetOf(document, path, true)),
    }
  } catch (error) {
    if (error instanceof RangeError) return fail('is nested too deeply')
    const alias = unresolvedAlias(text, errorText(error))
    if (alias !== undefined) {
      findings.push({ level: 'error', ...placeAt(alias.at), message: alias.message, hint: alias.hint })
      return undefined
    }
    return fail(`cannot be read as YAML: ${errorText(error)}`)
  }
}

function quickFile(file: string, text: string, root: QuickNode): YamlFile {
  let starts: number[] | undefined
  const placeAt = (offset: number): Place => {
    starts ??= lineStarts(text)
    let low = 0
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle
    }
    return { file, line: low + 1, column: offset - (starts[low] as number) + 1 }
  }
  const shift = (path: Path, within: number): number => {
    const node = quickNode(root, path)
    if (node === undefined || node.pairs !== undefined || node.items !== undefined) return 0
    return scalarShift(text.slice(node.start, node.end), within)
  }
  return {
    file,
    text,
    value: root.value,
    place: (path, within) =>
      placeAt(quickOffset(root, path, false) + (within === undefined ? 0 : shift(path, within))),
    keyPlace: (path) => placeAt(quickOffset(root, path, true)),
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

const DEEP_HINT = 'write it flatter, with fewer aliases'

/** The most brackets that are open at once. Costs one pass; a parser would recurse as deep before it says no. */
function unclosed(text: string): number {
  let open = 0
  let most = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    open += bracket === '[' || bracket === '{' ? 1 : -1
    if (open < 0) open = 0
    if (open > most) most = open
  }
  return most
}

/** Keys that stand twice in one mapping: YAML forbids it, and the first would be lost without a word. */
function reportTwice(document: Document, placeAt: (offset: number) => Place, findings: Finding[]): boolean {
  let count = 0
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Map<string, number>()
      for (const { key } of items) {
        const name = keyText(key)
        const first = seen.get(name)
        if (first === undefined) {
          seen.set(name, startOf(key) ?? 0)
          continue
        }
        count += 1
        if (count > COMPLAINTS_MAX) return visit.BREAK
        const message = `this key stands twice in one mapping, first on line ${placeAt(first).line}`
        findings.push({ level: 'error', ...placeAt(startOf(key) ?? 0), message, hint: 'keep one of them' })
      }
      return undefined
    },
  })
  return count > 0
}

function readUpTo(file: string, max: number): Buffer {
  const handle = openSync(file, 'r')
  try {
    const chunks: Buffer[] = []
    let total = 0
    while (total < max) {
      const chunk = Buffer.allocUnsafe(Math.min(65_536, max - total))
      const count = readSync(handle, chunk)
      if (count === 0) break
      chunks.push(chunk.subarray(0, count))
      total += count
    }
    return Buffer.concat(chunks)
  } finally {
    closeSync(handle)
  }
}

function offsetOf(document: Document, path: Path, ofKey: boolean): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const [depth, step] of path.entries()) {
    const inside: unknown = isAlias(node) ? node.resolve(document) : node
    const last = depth === path.length - 1
    if (isMap(inside)) {
      const pair = inside.items.find((item) => keyText(item.key) === String(step))
      if (pair === undefined) return offset
      node = pair.value
      const key = startOf(pair.key) ?? offset
      offset = last && ofKey ? key : (startOf(node) ?? key)
    } else if (isSeq(inside)) {
      node = inside.items[Number(step)]
      if (node === undefined) return offset
      offset = startOf(node) ?? offset
    } else {
      return offset
    }
  }
  return offset
}

/** How far behind its beginning in the file a character of a scalar stands. */
function shiftIn(document: Document, text: string, path: Path, within: number): number {
  const node = document.getIn(path, true)
  const scalar: unknown = isAlias(node) ? node.resolve(document) : node
  const range = isScalar(scalar) ? scalar.range : undefined
  return range === undefined || range === null ? 0 : scalarShift(text.slice(range[0], range[1]), within)
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key)
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? (node satisfies Node).range?.[0] : undefined
}
