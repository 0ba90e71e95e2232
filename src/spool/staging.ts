/**
 * Batches that come from outside (an export, quarantine) enter the spool as if workers had left them that are no more:
 * written aside, moved into place as a whole, and taken over behind what lies there. Their events keep their identity.
 */
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { LogweirError } from '../base/errors.ts'
import type { Batch } from '../queue/batch.ts'
import type { SpoolRow } from '../queue/spool-port.ts'
import { adoptSpools } from './adopt.ts'
import type { SpoolNotice } from './context.ts'
import { parseWorkerName } from './names.ts'
import type { SpoolSettings } from './protocol.ts'
import { makeFolder, syncFolder } from './safe-files.ts'
import { openContext } from './service.ts'
import { WorkerSpool } from './worker-spool.ts'

/** Bytes of batches that are held before they are written. */
const HELD_MAX = 8 * 1024 * 1024
/** How often the numbers of one forwarder may fall: each time begins another folder. */
const GROUPS_MAX = 64
const PREFIX = 'spool-in-'
const PROVIDER = 'provider'

/** Why a batch must not enter the spool of this forwarder; undefined when it may. */
export function refusalOf(batch: Batch, key: string): string | undefined {
  if (batch.identity.forwarder !== key) return `it is a batch of ${batch.identity.forwarder}`
  const slash = key.indexOf('/')
  if (slash <= 0 || key.length > 1000) return 'it names no forwarder'
  const tenant = key.slice(0, slash)
  if (tenant === PROVIDER) return undefined
  for (let n = 0; n < batch.events; n++) {
    const owner = batch.names.owner(batch.owner(n))?.tenant
    if (owner !== undefined && owner !== tenant) return `it holds events of ${owner}`
  }
  return undefined
}

export class Staging implements Disposable {
  readonly #data: string
  readonly #settings: SpoolSettings
  readonly #folder: string
  readonly #notice: (notice: SpoolNotice) => void
  readonly #context
  readonly #spools: WorkerSpool[] = []
  /** By forwarder: in which spool its next batch goes, and above which number. */
  readonly #places = new Map<string, { group: number; last: number }>()
  #held = new Map<string, { group: number; rows: SpoolRow[] }>()
  #bytes = 0
  events = 0
  batches = 0

  /** The data folder must be locked by the caller. */
  constructor(data: string, settings: SpoolSettings, used: number, notice: (notice: SpoolNotice) => void) {
    this.#data = data
    this.#settings = settings
    this.#notice = notice
    // What a process left that was killed here: the lock says that there is no other.
    for (const name of readdirSync(data))
      if (name.startsWith(PREFIX)) rmSync(join(data, name), { recursive: true })
    this.#folder = mkdtempSync(join(data, PREFIX))
    this.#context = openContext({ ...settings, sync: 'full', folder: this.#folder }, notice, systemClock)
    this.#context.usage.total = used
  }

  /** @throws {LogweirError} when the disk or a limit does not allow it; then nothing of it all enters the spool. */
  add(key: string, row: SpoolRow): void {
    const place = this.#places.get(key) ?? { group: 0, last: -1 }
    if (row.sequence <= place.last) place.group += 1
    place.last = row.sequence
    this.#places.set(key, place)
    const name = `${place.group}\0${key}`
    const held = this.#held.get(name) ?? { group: place.group, rows: [] }
    held.rows.push(row)
    this.#held.set(name, held)
    this.#bytes += row.bytes.byteLength
    this.events += row.events
    this.batches += 1
    if (this.#bytes > HELD_MAX) this.#write()
  }

  /** Moves everything into the spool of `workers` workers. */
  commit(workers: number): void {
    this.#write()
    for (const spool of this.#spools) spool.close()
    this.#context.files.closeAll()
    const target = join(this.#data, 'spool')
    makeFolder(target)
    const taken = readdirSync(target).map((name) => parseWorkerName(name) ?? -1)
    let number = Math.max(workers, ...taken) + 1
    for (const { folder } of this.#spools) {
      renameSync(folder, join(target, String(number)))
      number += 1
    }
    syncFolder(target)
    const { keys, compress } = this.#settings
    adoptSpools(this.#data, workers, this.#notice, {
      ...(keys === undefined ? {} : { keys }),
      ...(compress === undefined ? {} : { compress }),
    })
  }

  [Symbol.dispose](): void {
    this.#context.files.closeAll()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #write(): void {
    for (const [name, { group, rows }] of this.#held) {
      const key = name.slice(name.indexOf('\0') + 1)
      const spool = this.#spool(group)
      for (let left = rows; left.length > 0; ) {
        const result = spool.write(key, left, Number.MAX_SAFE_INTEGER)
        if (result.outcome !== 'committed') throw refused(result.reason)
        left = left.slice(result.count)
      }
    }
    this.#held = new Map()
    this.#bytes = 0
  }

  #spool(group: number): WorkerSpool {
    if (group >= GROUPS_MAX) throw refused('the batches are in no order')
    for (let next = this.#spools.length; next <= group; next++) {
      this.#spools.push(new WorkerSpool(this.#folder, next, this.#context))
    }
    return this.#spools[group] as WorkerSpool
  }
}

function refused(reason: string): LogweirError {
  return new LogweirError(
    'LW_SPOOL_WRITE',
    `the spool does not take it: ${reason}`,
    'nothing of it was taken; make room and try again',
    {
      exit: 1,
    },
  )
}
