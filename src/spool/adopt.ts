/**
 * What workers left that are no more, because `workers` was lowered, goes to those that are: their files move into the
 * new owner's chains, behind what lies there. Sequences inside stay as they are; the file's name says by how much
 * they are shifted. A crash in between leaves the rest for the next start, and costs duplicates at most.
 */
import { readdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { errorText } from '../base/errors.ts'
import type { SpoolRow } from '../queue/spool-port.ts'
import type { Chain } from './chain.ts'
import type { SpoolContext, SpoolNotice } from './context.ts'
import type { CursorRecord } from './cursors.ts'
import { CURSORS_FILE, fileName, KEY_FILE, parseWorkerName } from './names.ts'
import { lstatOf, makeFolder, unlinkIfThere, writeWhole } from './safe-files.ts'
import type { SpoolSettings } from './protocol.ts'
import type { Segment } from './segment.ts'
import { openContext } from './service.ts'
import { WorkerSpool } from './worker-spool.ts'

/** Rows of a stop file that are held at once. */
const ROWS = 64

/**
 * Moves the chains of workers numbered `workers` and up to those below. Called by main before the spool thread starts.
 * What cannot be moved stays and is told; nothing throws but a spool folder that cannot be used at all.
 */
export function adoptSpools(
  data: string,
  workers: number,
  notice: (notice: SpoolNotice) => void,
  form: Pick<SpoolSettings, 'keys' | 'compress'> = {},
): void {
  const spool = join(data, 'spool')
  if (lstatOf(spool) === undefined) return
  const left = readdirSync(spool)
    .map(parseWorkerName)
    .filter((worker) => worker !== undefined && worker >= workers)
  if (left.length === 0) return
  const settings: SpoolSettings = {
    ...form,
    folder: spool,
    disk_max: Number.MAX_SAFE_INTEGER,
    disk_free_min: 0,
    sync: 'full',
  }
  const context = openContext(settings, notice, systemClock)
  for (const worker of left as number[]) {
    try {
      adopt(spool, worker, worker % workers, context)
    } catch (error) {
      const message = `what worker ${worker} left in ${spool} could not be taken over: ${errorText(error)}`
      notice({ level: 'error', event: 'disk_error', message, key: null, events: 0 })
    }
    context.files.closeAll()
  }
}

function adopt(spool: string, from: number, to: number, context: SpoolContext): void {
  const source = new WorkerSpool(spool, from, context)
  const target = new WorkerSpool(spool, to, context)
  let events = 0
  const moved: CursorRecord[] = []
  for (const chain of source.chains) {
    unpackStops(chain)
    if (chain.active !== undefined) chain.seal(chain.active)
    const shift = target.chain(chain.key).last_sequence + 1
    for (const segment of [...chain.segments]) {
      events += segment.left.events
      moved.push(move(segment, target.chain(chain.key), shift, context))
      chain.remove(segment)
      source.cursors.forget(segment.key, segment.name, segment)
    }
  }
  source.close()
  target.cursors.restore(moved)
  target.close()
  removeEmpty(source.folder)
  const message = `worker ${to} took over ${events} events that worker ${from} left`
  context.notice({ level: 'info', event: 'adopted', message, key: null, events: 0 })
}

/** Writes what a stop file holds of this chain into chain files, which can be moved. */
function unpackStops(chain: Chain): void {
  for (const segment of chain.segments.filter(({ keyed }) => keyed)) {
    try {
      unpack(chain, segment)
    } catch (error) {
      chain.discard(segment, error)
    }
  }
}

function unpack(chain: Chain, segment: Segment): void {
  for (let rows = rowsOf(segment, ROWS); rows.length > 0; rows = rowsOf(segment, ROWS)) {
    for (let at = 0; at < rows.length; ) at += chain.commit(rows.slice(at), Number.MAX_SAFE_INTEGER)
    for (const { sequence } of rows) segment.acknowledge(sequence)
  }
  chain.settle(segment)
}

function rowsOf(segment: Segment, count: number): SpoolRow[] {
  const rows: SpoolRow[] = []
  let found = segment.walk(-1)
  while (found !== undefined && rows.length < count) {
    const { sequence, events } = found.head
    const bytes = segment.bytes(sequence)
    if (bytes !== undefined) rows.push({ sequence, events, bytes })
    found = segment.walk(sequence)
  }
  return rows
}

function move(segment: Segment, chain: Chain, shift: number, context: SpoolContext): CursorRecord {
  context.files.close(segment.path)
  if (lstatOf(chain.folder) === undefined) {
    makeFolder(chain.folder)
    if (chain.folder.includes('~')) writeWhole(join(chain.folder, KEY_FILE), chain.key)
  }
  const whole = segment.shift + shift
  let twin = 0
  let name = fileName(segment.first + shift, whole, twin)
  while (lstatOf(join(chain.folder, name)) !== undefined) {
    twin += 1
    name = fileName(segment.first + shift, whole, twin)
  }
  renameSync(segment.path, join(chain.folder, name))
  return { ...segment.record(), file: name }
}

/** Folders that hold nothing but our own small files go; one with anything else stays for the operator. */
function removeEmpty(folder: string): void {
  const names = readdirSync(folder)
  for (const name of names) {
    const path = join(folder, name)
    if (lstatOf(path)?.isDirectory() !== true) continue
    const inside = readdirSync(path)
    if (inside.some((file) => file !== KEY_FILE)) continue
    unlinkIfThere(join(path, KEY_FILE))
    rmdirSync(path)
  }
  const rest = readdirSync(folder).filter(
    (name) => name !== CURSORS_FILE && name !== `${CURSORS_FILE}-journal`,
  )
  if (rest.length > 0) return
  unlinkIfThere(join(folder, CURSORS_FILE))
  unlinkIfThere(join(folder, `${CURSORS_FILE}-journal`))
  rmdirSync(folder)
}
