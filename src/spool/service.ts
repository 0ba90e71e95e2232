/** The spool thread's work without the thread: what each request does, to whom the answer goes, and when cursors are written. */
import type { MessagePort } from 'node:worker_threads'
import { type Clock, systemClock, type Timer } from '../base/clock.ts'
import { errorText } from '../base/errors.ts'
import type { SpoolContext, SpoolNotice } from './context.ts'
import { FLUSH_ACKS, FLUSH_MS, OPEN_MAX, READ_RETRY_MS } from './limits.ts'
import { OpenFiles } from './open-files.ts'
import type { SpoolReply, SpoolRequest, SpoolSettings } from './protocol.ts'
import { RowCodec } from './row-codec.ts'
import { Quarantine } from './quarantine.ts'
import { FOLDER_MODE } from './safe-files.ts'
import { Scheduler } from './scheduler.ts'
import { DiskUsage } from './usage.ts'
import { WorkerSpool } from './worker-spool.ts'
import { mkdirSync } from 'node:fs'

interface Attached {
  readonly worker: number
  readonly port: MessagePort
  /** Number of the last acknowledgement that was taken. */
  acked: number
}

export class SpoolService {
  readonly context: SpoolContext
  readonly #settings: SpoolSettings
  readonly #clock: Clock
  readonly #attached = new Map<number, Attached>()
  readonly #spools = new Map<number, WorkerSpool>()
  readonly #scheduler: Scheduler
  #turning = false
  #timer: Timer | undefined
  #acks = 0

  constructor(settings: SpoolSettings, notice: (notice: SpoolNotice) => void, clock: Clock = systemClock) {
    this.#settings = settings
    this.#clock = clock
    this.context = openContext(settings, notice, clock)
    this.#scheduler = new Scheduler(() => this.#wake())
  }

  /** Serves a worker on `port`. A worker that came back gets a new port, and finds the chains of the one before. */
  attach(worker: number, port: MessagePort): void {
    this.#attached.get(worker)?.port.close()
    const attached = { worker, port, acked: 0 }
    this.#attached.set(worker, attached)
    this.context.files.limit(Math.max(8, OPEN_MAX - this.#attached.size))
    port.on('message', (request: SpoolRequest) => this.#serve(attached, request))
  }

  /** Quotas and sync of a new configuration. Files that are open keep their sync until they are closed. */
  configure(settings: SpoolSettings): void {
    this.context.usage.limits = settings
    this.context.files.sync = settings.sync
  }

  /** Commits what waits, writes the cursors and closes every file. */
  close(): void {
    this.#scheduler.drain()
    this.#timer?.cancel()
    for (const spool of this.#spools.values()) spool.close()
    this.context.files.closeAll()
    this.#flushed()
    for (const { port } of this.#attached.values()) port.close()
  }

  #serve(to: Attached, request: SpoolRequest): void {
    let spool: WorkerSpool
    try {
      spool = this.#spool(to.worker)
    } catch (error) {
      this.#unusable(to, request, errorText(error))
      return
    }
    switch (request.type) {
      case 'recover':
        this.#scheduler.drain()
        return this.#reply(to, { type: 'recovered', id: request.id, chains: spool.states() })
      case 'write':
        return this.#write(to, spool, request)
      case 'read':
        return this.#scheduler.read(() => this.#read(to, spool, request))
      case 'acknowledge':
        return this.#acknowledge(to, spool, request)
      case 'drop':
        return this.#drop(to, spool, request)
      case 'stop':
        return this.#stop(to, spool, request)
      case 'state':
        return this.#reply(to, { type: 'state', id: request.id, state: spool.state(request.key) })
    }
  }

  #write(to: Attached, spool: WorkerSpool, request: Extract<SpoolRequest, { type: 'write' }>): void {
    const { id, key, disk_max, row } = request
    const settle = (outcome: 'committed' | 'full' | 'error', reason: string): void => {
      this.#reply(to, { type: 'written', id, outcome, reason })
      // The collector would keep the copy for a hundred megabytes more.
      row.bytes.transfer(0)
    }
    this.#scheduler.write(spool, key, { row, disk_max, settle })
    this.#arm()
  }

  #read(to: Attached, spool: WorkerSpool, request: Extract<SpoolRequest, { type: 'read' }>): void {
    const { id, key, after, bytes } = request
    try {
      const result = spool.read(key, after, bytes)
      this.#reply(
        to,
        { type: 'read', id, result },
        result.rows.map((row) => row.bytes),
      )
    } catch (error) {
      const message = `the spool of ${key} cannot be read: ${errorText(error)}`
      this.context.notice({ level: 'error', event: 'disk_error', message, key, events: 0 })
      const reply: SpoolReply = { type: 'read', id, result: { rows: [], damaged: [], end: false } }
      this.#clock.after(READ_RETRY_MS, () => this.#reply(to, reply))
    }
    this.#arm()
  }

  #acknowledge(
    to: Attached,
    spool: WorkerSpool,
    request: Extract<SpoolRequest, { type: 'acknowledge' }>,
  ): void {
    spool.acknowledge(request.key, request.sequences)
    to.acked = request.id
    this.#acks += request.sequences.length
    if (this.#acks >= FLUSH_ACKS) this.#tick()
    else this.#arm()
  }

  #drop(
    to: Attached,
    spool: WorkerSpool,
    { id, key, after, bytes }: Extract<SpoolRequest, { type: 'drop' }>,
  ): void {
    let lost = { events: 0, bytes: 0, batches: 0, through: -1 }
    try {
      lost = spool.dropOldest(key, after, bytes)
    } catch (error) {
      const message = `the oldest batches of ${key} cannot be dropped: ${errorText(error)}`
      this.context.notice({ level: 'error', event: 'disk_error', message, key, events: 0 })
    }
    this.#reply(to, { type: 'dropped', id, lost })
    this.#arm()
  }

  #stop(to: Attached, spool: WorkerSpool, { id, rows }: Extract<SpoolRequest, { type: 'stop' }>): void {
    let failed: string | null = null
    try {
      this.#scheduler.drain()
      spool.stop(rows)
    } catch (error) {
      failed = errorText(error)
    }
    spool.tick()
    this.#reply(to, { type: 'stopped', id, failed })
  }

  /** The worker's folder cannot be opened at all: everything comes back, and the next request tries again. */
  #unusable(to: Attached, request: SpoolRequest, reason: string): void {
    const { id } = request
    this.context.notice({ level: 'error', event: 'disk_error', message: reason, key: null, events: 0 })
    const state = { batches: 0, events: 0, bytes: 0, file_bytes: 0, last_sequence: -1 }
    switch (request.type) {
      case 'recover':
        return this.#reply(to, { type: 'recovered', id, chains: [] })
      case 'write':
        return this.#reply(to, { type: 'written', id, outcome: 'error', reason })
      case 'read': {
        const reply: SpoolReply = { type: 'read', id, result: { rows: [], damaged: [], end: false } }
        this.#clock.after(READ_RETRY_MS, () => this.#reply(to, reply))
        return
      }
      case 'drop':
        return this.#reply(to, {
          type: 'dropped',
          id,
          lost: { events: 0, bytes: 0, batches: 0, through: -1 },
        })
      case 'stop':
        return this.#reply(to, { type: 'stopped', id, failed: reason })
      case 'state':
        return this.#reply(to, { type: 'state', id, state: { key: request.key, ...state } })
      case 'acknowledge':
        return undefined
    }
  }

  #spool(worker: number): WorkerSpool {
    let spool = this.#spools.get(worker)
    if (spool === undefined) {
      spool = new WorkerSpool(this.#settings.folder, worker, this.context)
      this.#spools.set(worker, spool)
    }
    return spool
  }

  #reply(to: Attached, reply: SpoolReply, transfer: readonly ArrayBuffer[] = []): void {
    to.port.postMessage(reply, transfer)
  }

  #wake(): void {
    if (this.#turning) return
    this.#turning = true
    // Between two turns what arrived meanwhile is taken in: that is the group of the next commit.
    const turn = (): void => {
      this.#turning = this.#scheduler.turn()
      if (this.#turning) setImmediate(turn)
    }
    setImmediate(turn)
  }

  #arm(): void {
    this.#timer ??= this.#clock.after(FLUSH_MS, () => this.#tick())
  }

  #tick(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#acks = 0
    let again = false
    for (const spool of this.#spools.values()) again = spool.tick() || again
    this.#flushed()
    if (again) this.#arm()
  }

  #flushed(): void {
    for (const attached of this.#attached.values()) {
      const { worker, acked } = attached
      if (acked === 0 || this.#spools.get(worker)?.cursors.dirty !== 0) continue
      attached.acked = 0
      this.#reply(attached, { type: 'flushed', id: acked })
    }
  }
}

/** What the chains share. Throws when the spool's own folder cannot be made: then there is no spool at all. */
export function openContext(
  settings: SpoolSettings,
  notice: (notice: SpoolNotice) => void,
  clock: Clock,
): SpoolContext {
  mkdirSync(settings.folder, { recursive: true, mode: FOLDER_MODE })
  const usage = new DiskUsage(settings.folder, settings, clock)
  const quarantine = new Quarantine(settings.folder)
  try {
    usage.total += quarantine.open()
  } catch (error) {
    const message = `${quarantine.folder} cannot be used: ${errorText(error)}; what is damaged stays where it is`
    notice({ level: 'error', event: 'disk_error', message, key: null, events: 0 })
  }
  const codec = new RowCodec(settings.keys, settings.compress)
  return { clock, usage, quarantine, notice, files: new OpenFiles(OPEN_MAX - 1, settings.sync, codec) }
}
