/** `logweir status`: the ledger and each forwarder's state, from the running router. */
import { styleText } from 'node:util'
import type { DrainBrief } from '../control/drain.ts'
import type { Ledger } from '../control/ledger.ts'
import type { Pause } from '../control/pauses.ts'
import type { Removal } from '../control/removed.ts'
import type { SourceLedger } from '../control/sources.ts'
import type { UnknownReport } from '../control/unknown-labels.ts'
import { type RuleReport, unusedLines } from '../control/rule-hits.ts'
import type { LastReload } from '../control/reload-book.ts'
import { adminClient } from './admin-client.ts'
import { changeLines } from './changes-text.ts'
import { unknownLabelLines } from './unknown-labels.ts'
import { sourceHints, sourceTable } from './status-sources.ts'
import { ageText } from './text-table.ts'

interface Status extends Ledger {
  readonly generation: number
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  readonly sources: readonly SourceLedger[]
  readonly unknown_labels: UnknownReport
  readonly rules: RuleReport
  readonly reload: LastReload | null
  readonly drain: DrainBrief | null
  readonly alarm: readonly { readonly file: string; readonly line: number; readonly message: string }[]
}

/** Prints the status. Returns 1 when the ledger does not balance or the rules in the folder are not those that run. */
export async function status(options: { config?: string; admin?: string; json: boolean }): Promise<number> {
  const answer = (await adminClient(options).get('/api/v1/status')) as Status
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : readable(answer))
  const refused = answer.reload?.outcome === 'rejected'
  return answer.imbalance === 0 && answer.alarm.length === 0 && !refused ? 0 : 1
}

function readable(status: Status): string {
  const lines = [
    `received ${status.received}  owned ${status.owned}  orphaned ${status.orphaned}${reasons(status.orphaned_reasons)}`,
    `refused ${sum(status.refused)}${reasons(status.refused)}`,
    status.imbalance === 0 ? 'ledger balanced' : mark('red', `ledger off by ${status.imbalance} events`),
    ...(status.drain === null ? [] : [mark('yellow', drainText(status.drain))]),
    '',
    row([
      'forwarder',
      'state',
      'enqueued',
      'delivered',
      'dropped',
      'queued',
      'spooled',
      'in flight',
      'oldest',
    ]),
    ...status.forwarders.map((one) =>
      row([
        `${one.tenant}/${one.forwarder}`,
        one.state,
        String(one.enqueued),
        String(one.delivered),
        String(sum(one.dropped)),
        String(one.queued),
        String(one.spooled),
        String(one.in_flight),
        one.oldest_seconds === null ? '-' : `${one.oldest_seconds.toFixed(1)} s`,
      ]),
    ),
  ]
  for (const one of status.forwarders) {
    const { tenant, forwarder, last_error, dropped, dead_letters, pause, removed } = one
    if (pause !== null) lines.push(mark('yellow', `${tenant}/${forwarder}: ${pauseText(pause)}`))
    if (removed !== null) lines.push(mark('yellow', `${tenant}/${forwarder}: ${removalText(removed)}`))
    if (last_error !== null) lines.push(mark('yellow', `${tenant}/${forwarder}: ${last_error}${mend(one)}`))
    if (sum(dropped) > 0) lines.push(mark('yellow', `${tenant}/${forwarder}: dropped${reasons(dropped)}`))
    if (dead_letters !== null)
      lines.push(
        mark('yellow', `${tenant}/${forwarder}: ${dead_letters.events} set aside in ${dead_letters.file}`),
      )
  }
  lines.push('', ...sourceTable(status.sources))
  lines.push(...sourceHints(status.sources).map((line) => mark('yellow', line)))
  lines.push(...unknownLabelLines(status.unknown_labels).map((line) => mark('yellow', line)))
  lines.push(...unusedLines(status.rules).map((line) => mark('yellow', line)))
  lines.push(...reloadLines(status.reload))
  for (const { file, line, message } of status.alarm) {
    lines.push(mark('red', `the last good rules run: ${file}:${line}: ${message}`))
  }
  return `${lines.join('\n')}\n`
}

/** What a drained node does, and what it still has. */
function drainText({ state, since, left }: DrainBrief): string {
  const begun = `draining since ${since}`
  if (state === 'announced') return `${begun}: /readyz says so, listeners are still open`
  if (state === 'drained') return `drained, since ${since}: nothing is held, nothing is taken`
  const doing = state === 'closing' ? 'listeners close' : 'listeners are closed'
  return `${begun}: ${doing}, ${left} events are left`
}

/** What a person must mend is asked about every few minutes only. */
function mend({ tenant, forwarder, state, pause }: Status['forwarders'][number]): string {
  if (state !== 'paused' || pause !== null) return ''
  return `; when it is mended, \`logweir forwarder test ${tenant}/${forwarder}\` goes on at once`
}

function pauseText({ since, until, reason }: Pause): string {
  const end = until === null ? 'until it is resumed' : `until ${until}`
  return `paused by an operator since ${since}, ${end}${reason === null ? '' : `: ${plain(reason)}`}`
}

function removalText({ since, purged_in }: Removal): string {
  const end = purged_in === null ? 'kept until it is purged by hand' : `purged in ${ageText(purged_in)}`
  return `not in the rules since ${since}; what it holds is ${end}`
}

/** Without what a terminal would obey. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}

/** The last reload; of one that was rejected every error that was kept. */
function reloadLines(reload: LastReload | null): string[] {
  if (reload === null) return []
  const { outcome, at, by, generation, findings, changes } = reload
  if (outcome === 'accepted') {
    const head = `generation ${generation} runs since ${at} (${by})`
    return changes === null ? [head] : [head, ...changeLines(changes)]
  }
  const errors = findings.filter(({ level }) => level === 'error')
  return [
    mark('red', `the files were rejected at ${at} (${by}): generation ${generation} runs on`),
    ...errors.map(({ file, line, column, message }) =>
      mark('red', `  ${file}:${line}:${column}: ${message}`),
    ),
  ]
}

const WIDTHS = [28, 9, 10, 10, 9, 8, 9, 10, 9]

function row(cells: readonly string[]): string {
  return cells
    .map((text, n) => (n < 2 ? text.padEnd(WIDTHS[n] ?? 0) : text.padStart(WIDTHS[n] ?? 0)))
    .join(' ')
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

function reasons(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0)
  return some.length === 0 ? '' : ` (${some.map(([reason, count]) => `${reason} ${count}`).join(', ')})`
}

function mark(color: 'red' | 'yellow', text: string): string {
  return styleText(color, text, { stream: process.stdout })
}
