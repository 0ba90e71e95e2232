/**
 * The collected cases of other programs' tests (`../shared/vectors`, beside the checkout) and what is decided about them in
 * docs/parser-decisions.md. Nothing of them is copied here.
 */
import { Buffer } from 'node:buffer'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './tree.ts'

/** What a peer expects of a message; a key that is not there was not asked. */
export interface ExpectedFields {
  readonly facility?: number | null
  readonly severity?: number | null
  readonly version?: number | null
  readonly timestamp?: string | null
  /** `MM-DDTHH:MM:SS[.f]`, where the peer's year is its own affair. */
  readonly timestamp_yearless?: string
  /** Without zone. */
  readonly timestamp_local?: string
  readonly hostname?: string | null
  readonly appname?: string | null
  readonly procid?: string | null
  readonly msgid?: string | null
  readonly structured_data?: Readonly<Record<string, Readonly<Record<string, string | string[]>>>> | null
  readonly message?: string | null
  readonly message_base64?: string
}

export interface MessageCase {
  readonly id: string
  readonly raw?: string
  readonly raw_base64?: string
  readonly valid: boolean
  readonly strict_grammar?: boolean
  readonly expect: ExpectedFields | null
  /** Where peers disagree: `expect` holds what they agree on. */
  readonly expect_by?: Readonly<Record<string, ExpectedFields & { readonly valid?: boolean }>>
  /** What peers that never refuse made of an invalid message. */
  readonly partial?: ExpectedFields
  readonly raw_structured_data?: string
  readonly options?: { readonly timezone?: string; readonly how?: string }
}

export interface FieldCase {
  readonly id: string
  readonly kind: string
  readonly raw: string
  readonly valid: boolean
  readonly expect: unknown
  readonly yearless?: string
  readonly clock?: string
}

const folder = path.resolve(root, '../shared/vectors')

/** The cases of a file; none, and a line that says so, where the files are not there. */
export function readCases<T>(name: string): T[] {
  const file = path.join(folder, name)
  if (!existsSync(file)) {
    process.stdout.write(`skipped: ${file} is not there\n`)
    return []
  }
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as T)
}

/** The bytes of a case. A final line end is framing's and no part of a frame. */
export function frameOf({ raw, raw_base64 }: MessageCase): Buffer {
  const bytes = raw === undefined ? Buffer.from(raw_base64 ?? '', 'base64') : Buffer.from(raw)
  if (bytes.at(-1) !== 0x0a) return bytes
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1)
}

/**
 * Ids that the tables under a heading of docs/parser-decisions.md list; `a` … `b` stands for all cases between them, in the order
 * of `all`. Throws where a row has no peer or no reason, or names what is not there.
 */
export function decidedIds(heading: string, all: readonly string[]): Set<string> {
  const text = readFileSync(path.join(root, 'docs/parser-decisions.md'), 'utf8')
  const part = text.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? ''
  const ids = new Set<string>()
  for (const line of part.split('\n')) {
    const [, cases = '', peer = '', why = ''] = line.split('|').map((cell) => cell.trim())
    if (!cases.startsWith('`')) continue
    if (peer === '' || why === '') throw new Error(`${cases} has no peer or no reason`)
    for (const entry of cases.split(', ')) {
      const [first = '', last = first] = entry.split(' … ').map((id) => id.replaceAll('`', ''))
      const [from, to] = [all.indexOf(first), all.indexOf(last)]
      if (from < 0 || to < from) throw new Error(`${entry} is no case, or listed in the wrong order`)
      for (const id of all.slice(from, to + 1)) {
        if (ids.has(id)) throw new Error(`${id} is listed twice`)
        ids.add(id)
      }
    }
  }
  return ids
}
