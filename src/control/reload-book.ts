/** What became of reloads: the counts, and the last one for `status`. */
import { errorText } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import type { Changes } from './changes.ts'
import type { Log } from './log.ts'

export interface Reload {
  readonly outcome: 'accepted' | 'rejected'
  readonly generation: number
  readonly findings: readonly Finding[]
  readonly changes: Changes | null
}

/** Who asked: SIGHUP, `logweir reload`, files that changed. */
export type ReloadCause = 'signal' | 'command' | 'watch'

/** `reload` of `status --json`. */
export interface LastReload extends Reload {
  /** ISO time. */
  readonly at: string
  readonly by: ReloadCause
}

/** Findings and names kept and logged of one reload: a thousand tenants may be wrong at once. */
const KEPT_MAX = 100
const LOGGED_MAX = 20

export class ReloadBook {
  accepted = 0
  rejected = 0
  last: LastReload | null = null

  /** Of those that were kept: why the files are not what runs. Empty when they are. */
  get refused(): readonly Finding[] {
    return this.last?.outcome === 'rejected' ? this.last.findings : []
  }

  /** Counts, remembers and logs it. */
  note(reload: Reload, by: ReloadCause, at: number, log: Log): void {
    this[reload.outcome] += 1
    const findings = worstFirst(reload.findings).slice(0, KEPT_MAX)
    this.last = { ...reload, findings, at: new Date(at).toISOString(), by }
    if (reload.outcome === 'accepted') {
      const changes = reload.changes === null ? null : shortened(reload.changes)
      log('info', `rules generation ${reload.generation} runs`, { by, changes })
      return
    }
    const errors = reload.findings.filter((finding) => finding.level === 'error')
    log('error', `reload rejected: ${errors.length} errors; the old rules stay`, {
      by,
      errors: errors
        .slice(0, LOGGED_MAX)
        .map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`),
    })
  }
}

/** One that is no file's: the machine's. */
export function failure(file: string, message: string, error: unknown): Finding {
  return { level: 'error', file, line: 0, column: 0, message: `${message}: ${errorText(error)}`, hint: '' }
}

function worstFirst(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => Number(a.level === 'warning') - Number(b.level === 'warning'))
}

/** Long lists cut, with their number: a line of the log must stay one. */
export function shortened(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list: unknown[] = value.slice(0, LOGGED_MAX).map(shortened)
    return value.length > LOGGED_MAX ? [...list, `and ${value.length - LOGGED_MAX} more`] : list
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  const kept = entries.slice(0, LOGGED_MAX).map(([key, inner]) => [key, shortened(inner)])
  return Object.fromEntries(
    entries.length > LOGGED_MAX ? [...kept, ['…', `and ${entries.length - LOGGED_MAX} more`]] : kept,
  )
}
