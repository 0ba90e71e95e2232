/** `spool list` and `spool show`. */
import { LogweirError } from '../../base/errors.ts'
import type { ForwarderLedger } from '../../control/ledger.ts'
import { readRemovals, type Removal } from '../../control/removed.ts'
import { isSelected } from '../../spool/stopped.ts'
import { type FileSurvey, type Survey, surveySpool } from '../../spool/survey.ts'
import { adminClient } from '../admin-client.ts'
import { print } from '../output.ts'
import { ageText, cell, table } from '../text-table.ts'
import { type SpoolOptions, stoppedRouter } from './folder.ts'

/** What a forwarder has on disk. */
export interface Stock {
  readonly tenant: string
  readonly forwarder: string
  /** Of the running router; null when it is stopped. */
  readonly state: string | null
  readonly events: number
  readonly bytes: number
  /** Of its own files; null when the router runs. */
  readonly file_bytes: number | null
  readonly oldest_seconds: number | null
  /** It left the rules: seconds of running until this is purged; null: it did not, or nothing purges it. */
  readonly purged_in_seconds: number | null
}

/** Prints what is on disk, of all or of those that are selected. */
export async function listSpool(options: SpoolOptions, selected: string | undefined): Promise<number> {
  const { stocks, survey } = await stocksOf(options)
  const shown = stocks.filter(({ tenant, forwarder }) =>
    selected === undefined ? true : isSelected(`${tenant}/${forwarder}`, selected),
  )
  if (selected !== undefined && shown.length === 0) throw nothing(selected)
  const files = survey?.files.filter(({ key }) => selected !== undefined && isSelected(key, selected)) ?? []
  if (options.json) {
    const quarantine = survey === undefined ? {} : { quarantine: survey.quarantine }
    const parts = selected === undefined ? quarantine : { files }
    print(JSON.stringify({ running: survey === undefined, forwarders: shown, ...parts }))
    return 0
  }
  for (const line of stockLines(shown)) print(line)
  if (files.length > 0) for (const line of ['', ...fileLines(files)]) print(line)
  if (selected === undefined) for (const line of remarks(survey)) print(line)
  return 0
}

/** From the running router, or else from the data folder. */
export async function stocksOf(
  options: SpoolOptions,
): Promise<{ readonly stocks: readonly Stock[]; readonly survey: Survey | undefined }> {
  const stopped = await stoppedRouter(options)
  if (stopped === undefined) {
    const status = (await adminClient(options.router).get('/api/v1/status')) as {
      readonly forwarders: readonly ForwarderLedger[]
    }
    return { stocks: status.forwarders.map(fromLedger), survey: undefined }
  }
  try {
    const survey = surveySpool(stopped.settings.data)
    const { data, spool } = stopped.settings
    const removals = readRemovals(data, spool.removed_keep)
    return { stocks: summed(survey.files, Date.now(), removals), survey }
  } finally {
    stopped.lock.release()
  }
}

function fromLedger(one: ForwarderLedger): Stock {
  const { tenant, forwarder, state, spooled, spooled_bytes, oldest_seconds, removed } = one
  const oldest = spooled > 0 ? oldest_seconds : null
  return {
    tenant,
    forwarder,
    state,
    events: spooled,
    bytes: spooled_bytes,
    file_bytes: null,
    oldest_seconds: oldest,
    purged_in_seconds: removed?.purged_in ?? null,
  }
}

function summed(files: readonly FileSurvey[], now: number, removals: ReadonlyMap<string, Removal>): Stock[] {
  const stocks = new Map<string, Stock>()
  for (const file of files) {
    if (file.key === '') continue
    const slash = file.key.indexOf('/')
    const before = stocks.get(file.key) ?? {
      tenant: file.key.slice(0, Math.max(0, slash)),
      forwarder: file.key.slice(slash + 1),
      state: null,
      events: 0,
      bytes: 0,
      file_bytes: 0,
      oldest_seconds: null,
      purged_in_seconds: removals.get(file.key)?.purged_in ?? null,
    }
    const age = file.oldest_at === null ? null : Math.max(0, (now - file.oldest_at) / 1000)
    stocks.set(file.key, {
      ...before,
      events: before.events + file.events,
      bytes: before.bytes + file.bytes,
      file_bytes: (before.file_bytes ?? 0) + file.file_bytes,
      oldest_seconds:
        Math.max(before.oldest_seconds ?? -1, age ?? -1) < 0
          ? null
          : Math.max(before.oldest_seconds ?? 0, age ?? 0),
    })
  }
  return [...stocks.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

function stockLines(stocks: readonly Stock[]): string[] {
  if (stocks.length === 0) return ['nothing is on disk']
  return table(
    ['forwarder', 'state', 'events', 'bytes', 'on disk', 'oldest', 'purged in'],
    stocks.map((one) => [
      cell(nameOf(one), 60),
      one.state ?? 'not running',
      String(one.events),
      String(one.bytes),
      one.file_bytes === null ? '-' : String(one.file_bytes),
      ageText(one.oldest_seconds),
      ageText(one.purged_in_seconds),
    ]),
  )
}

function fileLines(files: readonly FileSurvey[]): string[] {
  return table(
    ['file', 'batches', 'events', 'on disk', 'key', 'oldest'],
    files.map((file) => [
      file.file,
      String(file.batches),
      String(file.events),
      String(file.file_bytes),
      file.keys.length === 0 ? '-' : file.keys.join(' '),
      file.problem === null ? timeText(file.oldest_at) : `cannot be read: ${file.problem}`,
    ]),
  )
}

function remarks(survey: Survey | undefined): string[] {
  if (survey === undefined) return []
  const { quarantine, files } = survey
  const lines = files.flatMap(({ file, problem }) =>
    problem === null ? [] : [`${file} cannot be read: ${problem}`],
  )
  if (quarantine.files > 0) {
    const what = `${quarantine.files} files of ${quarantine.bytes} bytes are set aside in quarantine`
    lines.push(`${what}; \`logweir spool recover\` reads what of them is sound`)
  }
  return lines
}

function timeText(at: number | null): string {
  const time = new Date(at ?? Number.NaN)
  return Number.isNaN(time.getTime()) ? '-' : time.toISOString()
}

function nameOf({ tenant, forwarder }: Stock): string {
  return `${tenant}/${forwarder}`
}

export function nothing(selected: string): LogweirError {
  return new LogweirError(
    'LW_NO_SPOOL',
    `nothing is on disk for ${cell(selected, 100)}`,
    '`logweir spool list` shows for whom there is',
    { exit: 1 },
  )
}
