/** `spool export`, `import` and `recover`: batches out of the spool of a stopped router, and back into one. */
import { closeSync, createReadStream, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, LogweirError } from '../../base/errors.ts'
import { spoolSettings } from '../../control/spool-settings.ts'
import { RowCodec } from '../../spool/row-codec.ts'
import { forget, recoverQuarantine } from '../../spool/recover.ts'
import { Staging } from '../../spool/staging.ts'
import { readSpool, spoolBytes } from '../../spool/stopped.ts'
import { surveySpool } from '../../spool/survey.ts'
import { print, say } from '../output.ts'
import { lockedRouter, type SpoolOptions, type StoppedRouter, tell } from './folder.ts'
import { nothing } from './list.ts'
import { batchLine, eventLines, linesOf, readBatchLine } from './ndjson.ts'

const FILE_MODE = 0o600
/** Lines that are not taken and are told one by one; later ones are only counted. */
const TOLD_MAX = 20

/** Writes what the selected forwarders have on disk to a new file. It stays in the spool. */
export async function exportSpool(
  options: SpoolOptions,
  selected: string,
  file: string,
  events: boolean,
): Promise<number> {
  const { settings, lock } = await lockedRouter(options)
  const count = { batches: 0, events: 0 }
  try {
    const out = created(file)
    const put = (text: string): void => writing(file, () => writeFileSync(out, text))
    try {
      readSpool(spoolSettings(settings), selected, tell, (key, row) => {
        for (const line of events ? eventLines(key, row) : [batchLine(key, row)]) put(`${line}\n`)
        count.batches += 1
        count.events += row.events
      })
      writing(file, () => fsyncSync(out))
    } finally {
      closeSync(out)
    }
  } finally {
    lock.release()
  }
  if (count.batches === 0) {
    rmSync(file)
    throw nothing(selected)
  }
  report(
    options,
    { exported: count.events, ...count, file },
    `${count.events} events were written to ${file}`,
  )
  return 0
}

/** Takes in what {@link exportSpool} wrote: behind what is on disk, to be delivered after the next start. */
export async function importSpool(options: SpoolOptions, file: string): Promise<number> {
  const { settings, lock } = await lockedRouter(options)
  let refused = 0
  try {
    using staging = stagingOf(settings)
    let number = 0
    for await (const line of linesIn(file)) {
      number += 1
      if (line === '') continue
      const read = readBatchLine(line)
      if (typeof read !== 'string') staging.add(read.key, read.row)
      else {
        refused += 1
        if (refused <= TOLD_MAX) say(`${file}:${number}: not taken: ${read}`)
      }
    }
    staging.commit(settings.workers)
    const { batches, events } = staging
    const words = `${events} events in ${batches} batches are in the spool${refused === 0 ? '' : `; ${refused} lines were not taken`}`
    report(options, { imported: events, batches, refused }, words)
  } finally {
    lock.release()
  }
  return refused === 0 ? 0 : 1
}

/** Puts back what of quarantine is sound. Ends with 1 when anything stays there. */
export async function recoverSpool(options: SpoolOptions): Promise<number> {
  const { settings, lock } = await lockedRouter(options)
  try {
    using staging = stagingOf(settings)
    const { folder, keys, compress } = spoolSettings(settings)
    const known = new Set(surveySpool(settings.data).files.map(({ key }) => key))
    const codec = new RowCodec(keys, compress)
    const files = recoverQuarantine(join(folder, 'quarantine'), codec, [...known], staging)
    staging.commit(settings.workers)
    forget(files)
    for (const { file, events, reason } of files) {
      if (!options.json)
        print(`${file}: ${events} events${reason === null ? '' : `; the rest stays: ${reason}`}`)
    }
    const { batches, events } = staging
    report(options, { recovered: events, batches, files }, `${events} events are in the spool again`)
    return files.every(({ reason }) => reason === null) ? 0 : 1
  } finally {
    lock.release()
  }
}

function stagingOf(settings: StoppedRouter['settings']): Staging {
  const survey = surveySpool(settings.data)
  const used = spoolBytes(survey.files) + survey.quarantine.bytes
  return new Staging(settings.data, spoolSettings(settings), used, tell)
}

async function* linesIn(file: string): AsyncGenerator<string> {
  try {
    yield* linesOf(createReadStream(file))
  } catch (error) {
    throw new LogweirError('LW_SPOOL_FILE', `cannot read ${file}: ${errorText(error)}`, 'nothing was taken', {
      exit: 2,
    })
  }
}

function created(file: string): number {
  try {
    return openSync(file, 'wx', FILE_MODE)
  } catch (error) {
    throw new LogweirError(
      'LW_SPOOL_FILE',
      `cannot write ${file}: ${errorText(error)}`,
      'name a file that is not there yet, in a folder that can be written',
      { exit: 2 },
    )
  }
}

/** Half an export is none: it goes, and what it was of is in the spool still. */
function writing(file: string, act: () => void): void {
  try {
    act()
  } catch (error) {
    rmSync(file, { force: true })
    throw new LogweirError(
      'LW_SPOOL_FILE',
      `cannot write ${file}: ${errorText(error)}`,
      'make room and export again; the spool has everything still',
      { exit: 1 },
    )
  }
}

function report(options: SpoolOptions, answer: object, words: string): void {
  print(options.json ? JSON.stringify(answer) : words)
}
