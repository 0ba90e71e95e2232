/**
 * R60: a hundred configurations with one mistake each, and all that `check` says of them, word for word, in
 * `hundred-broken.txt`. After a change of words: LOGWEIR_GOLDEN=write writes the file anew, and the difference is for reading.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadModel } from '../../../src/control/load.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { GOOD, MISTAKES, type Mistake } from './hundred-broken.ts'

const GOLDEN = join(import.meta.dirname, 'hundred-broken.txt')
const ENV = { HEC_TOKEN: '7c1d9e0b-55f2' }

function broken([file, from, to]: Mistake): Record<string, string> {
  const good = GOOD[file]
  if (!good.includes(from)) throw new Error(`${file} does not hold ${from}`)
  return { ...GOOD, [file]: good.replace(from, () => to) }
}

/** Findings as `check` says them, of a folder that has no name. */
function said(files: Record<string, string>): string[] {
  const folder = tempFolder(files)
  const { findings } = loadModel(join(folder, 'logweir.yaml'), 1, ENV)
  return findings.flatMap(({ file, line, column, level, message, hint }) => {
    const text = `${file}:${line}:${column}: ${level}: ${message}`
    return [text, ...(hint === '' ? [] : [`  hint: ${hint}`])].map((one) => one.replaceAll(`${folder}/`, ''))
  })
}

const shown = ([file, from, to]: Mistake): string =>
  `# ${file}: ${JSON.stringify(from)} is ${JSON.stringify(to)}`

test('the configuration that is broken is a good one', () => {
  expect(said(GOOD)).toEqual([])
})

test('R60: each of a hundred mistakes is told, with its place, in the words that are written down', () => {
  expect(MISTAKES.length).toBeGreaterThanOrEqual(100)
  const answers = MISTAKES.map((mistake) => ({ mistake, lines: said(broken(mistake)) }))
  const unseen = answers.filter(({ lines }) => !lines.some((line) => line.includes(': error: ')))
  expect(unseen.map(({ mistake }) => shown(mistake))).toEqual([])
  const text = answers.map(({ mistake, lines }) => [shown(mistake), ...lines, ''].join('\n')).join('\n')
  const findings = answers.flatMap(({ lines }) => lines).join('\n')
  for (const secret of [ENV.HEC_TOKEN, '0f3a-secret']) expect(findings).not.toContain(secret)
  if (process.env['LOGWEIR_GOLDEN'] === 'write') writeFileSync(GOLDEN, text)
  expect(text).toBe(readFileSync(GOLDEN, 'utf8'))
}, 60_000)
