/** Findings as an operator reads them: `file:line:col: level: message`, the hint, and where possible the line itself. */
import { relative, sep } from 'node:path'
import type { Finding } from './findings.ts'

export interface FormatOptions {
  /** Colours, and the source line with a caret under it: for terminals. */
  readonly color?: boolean
  /** Texts of files by absolute path; a file that is not here is shown without its line. */
  readonly sources?: ReadonlyMap<string, string>
  /** Show paths below this folder relative to it. */
  readonly cwd?: string
}

/** Columns of a source line shown at most. */
const SHOWN = 120

const PLAIN = { error: '', warning: '', dim: '', bold: '', reset: '' }
const COLORS = {
  error: '\u001b[31m',
  warning: '\u001b[33m',
  dim: '\u001b[2m',
  bold: '\u001b[1m',
  reset: '\u001b[0m',
}

/** One text, a finding after the other, each line ended by a newline; empty without findings. */
export function formatFindings(findings: readonly Finding[], options: FormatOptions = {}): string {
  return findings.map((finding) => formatFinding(finding, options)).join('')
}

/** Errors first in importance: by file, then by place, then as found. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  )
}

/** How many of each level: what commands end with and decide on. */
export function countFindings(findings: readonly Finding[]): { errors: number; warnings: number } {
  const errors = findings.filter((finding) => finding.level === 'error').length
  return { errors, warnings: findings.length - errors }
}

function formatFinding(finding: Finding, options: FormatOptions): string {
  const paint = options.color === true ? COLORS : PLAIN
  const place = placeText(finding, options.cwd)
  const lead = place === '' ? '' : `${paint.bold}${place}:${paint.reset} `
  const lines = [
    `${lead}${paint[finding.level]}${finding.level}:${paint.reset} ${visible(near(finding.message, options.cwd))}`,
  ]
  const source = finding.hide_source === true ? undefined : sourceLine(finding, options.sources)
  if (source !== undefined) {
    lines.push(
      `  ${paint.dim}${source.text}${paint.reset}`,
      `  ${' '.repeat(source.caret)}${paint[finding.level]}^${paint.reset}`,
    )
  }
  if (finding.hint !== '')
    lines.push(`  ${paint.dim}hint:${paint.reset} ${visible(near(finding.hint, options.cwd))}`)
  return `${lines.join('\n')}\n`
}

function placeText(finding: Finding, cwd: string | undefined): string {
  if (finding.file === '') return ''
  const near = cwd === undefined ? finding.file : relative(cwd, finding.file)
  const file = near === '' || near === '..' || near.startsWith(`..${sep}`) ? finding.file : near
  return visible(finding.line === 0 ? file : `${file}:${finding.line}:${finding.column}`)
}

/** Other places that a text names, below the folder too. */
function near(text: string, cwd: string | undefined): string {
  return cwd === undefined || cwd === sep ? text : text.replaceAll(`${cwd}${sep}`, '')
}

function sourceLine(
  finding: Finding,
  sources: FormatOptions['sources'],
): { text: string; caret: number } | undefined {
  const source = finding.line === 0 ? undefined : sources?.get(finding.file)
  const line = source?.split('\n', finding.line)[finding.line - 1]?.replace(/\r$/, '')
  if (line === undefined || line.trim() === '') return undefined
  const from = Math.max(0, finding.column - Math.floor(SHOWN / 2))
  const text = visible(maskSecrets(line)).slice(from, from + SHOWN)
  return { text, caret: Math.min(Math.max(finding.column - 1 - from, 0), text.length) }
}

/** A secret typed where a reference belongs is not repeated, whatever the finding on its line is about. */
export function maskSecrets(line: string): string {
  return line
    .replace(
      /((?:token|password|passphrase|secret|authorization|api[-_]key|cookie)["']?[ \t]*:[ \t]*)(?![ \t{])([^#]*)/gi,
      '$1***',
    )
    .replace(/(:\/\/)[^\s/@]*@/g, '$1***@')
}

/** One column for each character: control characters of a file never reach the terminal. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (char) => (char === '\t' ? ' ' : '\u00b7'))
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
