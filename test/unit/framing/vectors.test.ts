/** Are the frames those that other programs' tests expect, or is the difference written down with a reason? */
import { Buffer } from 'node:buffer'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytewise, type Framed, frameAll, type Framing } from '../../support/framing.ts'
import { root } from '../../support/tree.ts'

interface Vector {
  readonly id: string
  readonly mode: Framing
  readonly chunks_base64: readonly string[]
  readonly frames_base64: readonly string[] | null
  readonly options?: { readonly max_frame?: number; readonly trailer?: string }
}

const file = path.resolve(root, '../shared/vectors/framing.jsonl')
const there = existsSync(file)
if (!there) process.stdout.write(`skipped: ${file} is not there\n`)

function vectors(): Vector[] {
  if (!there) return []
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Vector)
}

/** Ids in the table under the heading "Framing". */
function decided(): Set<string> {
  const text = readFileSync(path.join(root, 'docs/parser-decisions.md'), 'utf8')
  const part = text.split(/^## /m).find((section) => section.startsWith('Framing\n')) ?? ''
  const ids = new Set<string>()
  for (const line of part.split('\n')) {
    const [, id, peer = '', why = ''] = line.split('|').map((cell) => cell.trim())
    if (id?.startsWith('`framing/') !== true) continue
    if (peer === '' || why === '') throw new Error(`${id} has no peer or no reason`)
    ids.add(id.replaceAll('`', ''))
  }
  return ids
}

const latin1 = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1')

function run(vector: Vector, chunks: readonly Buffer[]): Framed {
  // NUL ends a line in `auto` only (rule 5 of the page).
  const framing = vector.options?.trailer === '\0' ? 'auto' : vector.mode
  const frame_max = vector.options?.max_frame
  return frameAll(chunks, frame_max === undefined ? { framing } : { framing, frame_max })
}

describe.skipIf(!there)('collected framing vectors', () => {
  const listed = decided()
  const all = vectors()

  test.each(all.map((vector) => [vector.id, vector] as const))('%s', (id, vector) => {
    const given = vector.chunks_base64.map((chunk) => Buffer.from(chunk, 'base64'))
    const joined = Buffer.concat(given)
    const result = run(vector, given)
    expect(run(vector, bytewise(joined))).toEqual(result)
    expect(run(vector, [joined])).toEqual(result)

    const expected = vector.frames_base64?.map(latin1)
    if (listed.has(id)) expect(result.frames).not.toEqual(expected)
    else expect(result.frames).toEqual(expected)
  })

  test('every decision is about a case that exists', () => {
    const ids = new Set(all.map(({ id }) => id))
    expect([...listed].filter((id) => !ids.has(id))).toEqual([])
  })
})
