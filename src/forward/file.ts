/**
 * Events to a file, a line each, or with `{tenant}` and `{date}` in the path to several. Batches that wait together are
 * written together; what a full or broken disk refuses goes back to the queue and is tried again by itself. Files are
 * closed when nothing comes.
 */
import type { Buffer } from 'node:buffer'
import type { Clock, Timer } from '../base/clock.ts'
import { tenantOf } from '../base/tenant.ts'
import type { Batch } from '../queue/batch.ts'
import type { Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Backoff } from './backoff.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { FilePaths } from './file-paths.ts'
import { fileTurns } from './file-turns.ts'
import { FileWriter } from './file-writer.ts'
import type { Dropped } from './replay-window.ts'
import { inWords, Status } from './status.ts'
import type { FileOptions } from '../rules/forwarder-settings.ts'
import type { FileSink, ForwardDeps, ForwarderTarget } from './types.ts'

const GROUP_BYTES = 1_048_576
/** Encoded bytes of one turn of the event loop (2 ms at worst). */
const GROUP_ENCODED_BYTES = 131_072
/** Below the system's limit of buffers in one write. */
const GROUP_BATCHES = 256
/** Files of one destination that are open at once. */
const OPEN_MAX = 32

interface Group {
  readonly batches: Batch[]
  readonly dropped: (Dropped | undefined)[]
  /** What is still to be written, by file. */
  readonly parts: Map<string, Buffer[]>
  /** Some file has its part: given back, it would come there again. */
  begun: boolean
  bytes: number
}

export class FileDestination implements Destination {
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #encoder: BatchEncoder
  readonly #path: string
  readonly #tenant: string
  /** Null: one path for all. */
  readonly #paths: FilePaths | null
  readonly #options: FileOptions
  /** Least recently used first. */
  readonly #sinks = new Map<string, FileSink>()
  readonly #status: Status
  readonly #backoff: Backoff
  #working: Promise<void> | undefined
  /** What is being written. */
  #current: Group | undefined
  #timer: Timer | undefined
  #waiting = false
  /** Ends the wait of a group at hand. */
  #goOn: (() => void) | undefined
  #stopping: Promise<void> | undefined
  #wrote_at = 0

  constructor(
    forwarder: ForwarderTarget,
    path: string,
    lane: Lane,
    deps: ForwardDeps,
    encoder: BatchEncoder,
  ) {
    this.#lane = lane
    this.#deps = deps
    this.#encoder = encoder
    this.#path = path
    this.#tenant = tenantOf(forwarder.key)
    this.#options = forwarder.settings.rotate
    this.#paths = path.includes('{') ? new FilePaths(path) : null
    this.#status = new Status(forwarder.key, deps.clock, deps.log)
    this.#backoff = new Backoff(forwarder.settings.retry, deps.random)
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  /** Encoded groups are told to the lane. */
  readonly held_bytes = 0

  wake(): void {
    if (this.#working !== undefined || this.#waiting || this.#stopping !== undefined) return
    const group = this.#lease()
    if (group === undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#working = this.#work(group)
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#shutDown(grace_ms)
    return this.#stopping
  }

  #lease(): Group | undefined {
    let group: Group | undefined
    const enough = this.#encoder.passes ? GROUP_BYTES : GROUP_ENCODED_BYTES
    while (group === undefined || (group.bytes < enough && group.batches.length < GROUP_BATCHES)) {
      const batch = this.#lane.lease()
      if (batch === undefined) break
      group ??= { batches: [], dropped: [], parts: new Map(), begun: false, bytes: 0 }
      group.batches.push(batch)
      const unencodable = this.#encode(batch, group)
      group.dropped.push(unencodable === 0 ? undefined : { unencodable })
    }
    return group
  }

  /** Adds a batch's lines to the group; how many of its events could not be written. */
  #encode(batch: Batch, group: Group): number {
    const add = (path: string, bytes: Buffer): void => {
      if (bytes.length === 0) return
      const buffers = group.parts.get(path)
      if (buffers === undefined) group.parts.set(path, [bytes])
      else buffers.push(bytes)
      group.bytes += bytes.length
    }
    if (this.#paths === null) {
      const { bytes, unencodable } = this.#encoder.encode(batch)
      add(this.#path, bytes)
      return unencodable
    }
    const { parts, unencodable } = this.#paths.encode(batch, this.#encoder)
    for (const [path, bytes] of parts) add(path, bytes)
    return unencodable
  }

  async #work(first: Group): Promise<void> {
    let next: Group | undefined = first
    while (next !== undefined) {
      const group: Group = next
      this.#current = group
      const why = await this.#write(group)
      // A stop that could not wait any longer has given the batches back.
      if (this.#current !== group) return
      if (why !== null && group.begun && this.#stopping === undefined) {
        await this.#wait(why)
        continue
      }
      this.#current = undefined
      if (why !== null) {
        for (const batch of group.batches) this.#lane.giveBack(batch)
        this.#working = undefined
        return this.#retry(why)
      }
      group.batches.forEach((batch, i) => this.#lane.settle(batch, group.dropped[i]))
      this.#backoff.reset()
      this.#status.delivered()
      next = this.#stopping === undefined ? this.#lease() : undefined
    }
    this.#working = undefined
    if (this.#stopping === undefined) this.#armIdle(this.#deps.idle)
  }

  /** Why it failed, in words; null when it did not. */
  async #write(group: Group): Promise<string | null> {
    const held = this.#encoder.passes && this.#paths === null ? 0 : group.bytes
    if (held > 0) this.#lane.hold(held)
    try {
      for (const [path, buffers] of group.parts) {
        await fileTurns.take(this.#tenant, async () => {
          // Given back while it waited for its turn: it is somebody else's now.
          if (this.#current === group) await this.#sinkOf(path).write(buffers)
        })
        group.parts.delete(path)
        group.begun = true
        this.#lane.wrote(buffers.reduce((sum, { length }) => sum + length, 0))
      }
      this.#wrote_at = this.#deps.clock.monotonic()
      return null
    } catch (error) {
      return inWords(error)
    } finally {
      if (held > 0) this.#lane.hold(-held)
    }
  }

  /** The way to write one file; of those that are not used any more some are closed. */
  #sinkOf(path: string): FileSink {
    const known = this.#sinks.get(path)
    const { openFile, clock } = this.#deps
    const sink = known ?? openFile?.(path, this.#options) ?? new FileWriter(path, this.#options, clock)
    this.#sinks.delete(path)
    this.#sinks.set(path, sink)
    for (const [other, { busy }] of this.#sinks) {
      if (this.#sinks.size <= OPEN_MAX) break
      if (busy || other === path) continue
      void this.#closeSink(other)
    }
    return sink
  }

  /** Waits before a group that is written in part is gone on with. */
  #wait(why: string): Promise<void> {
    this.#status.failing(`file ${this.#path}`, why)
    return new Promise((resolve) => {
      const go = (): void => {
        this.#timer = undefined
        this.#goOn = undefined
        resolve()
      }
      this.#goOn = go
      this.#timer = this.#deps.clock.after(this.#backoff.next(), go)
    })
  }

  #retry(why: string): void {
    if (this.#stopping !== undefined) return
    this.#status.failing(`file ${this.#path}`, why)
    this.#waiting = true
    this.#timer = this.#deps.clock.after(this.#backoff.next(), () => this.retryNow())
  }

  retryNow(): void {
    if (!this.#waiting && this.#goOn === undefined) {
      if (this.#working === undefined) this.#status.delivered()
      return
    }
    this.#timer?.cancel()
    this.#timer = undefined
    this.#waiting = false
    if (this.#goOn !== undefined) return this.#goOn()
    this.wake()
    if (this.#working === undefined && !this.#waiting) this.#status.idle()
  }

  /** Descriptors are not kept for quiet files. */
  #armIdle(ms: number): void {
    if (this.#timer !== undefined || ![...this.#sinks.values()].some(({ open }) => open)) return
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined
      if (this.#working !== undefined || this.#stopping !== undefined) return
      const left = this.#wrote_at + this.#deps.idle - this.#deps.clock.monotonic()
      if (left > 0) return this.#armIdle(left)
      this.#working = fileTurns
        .take(this.#tenant, () => this.#close())
        .then(() => {
          this.#working = undefined
          this.wake()
        })
    })
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#sinks.keys()].map((path) => this.#closeSink(path)))
  }

  async #closeSink(path: string): Promise<void> {
    const sink = this.#sinks.get(path)
    // One that is busy knows what it is busy with, and is kept.
    if (sink?.busy === false && this.#paths !== null) this.#sinks.delete(path)
    try {
      await sink?.close()
    } catch (error) {
      this.#status.lost('close', `closing ${path}: ${inWords(error)}`)
    }
  }

  async #shutDown(grace_ms: number): Promise<void> {
    this.#timer?.cancel()
    this.#goOn?.()
    if (this.#working !== undefined) await withinGrace(this.#working, this.#deps.clock, grace_ms)
    const unfinished = this.#current
    this.#current = undefined
    for (const batch of unfinished?.batches ?? []) {
      // The system may still be reading it: another tenant's events must never come to stand there.
      batch.borrowed = true
      this.#lane.giveBack(batch)
    }
    // A disk that hangs is not waited for: the system closes the file with the process.
    if (unfinished === undefined) await this.#close()
    this.#status.stopped()
  }
}

function withinGrace(work: Promise<void>, clock: Clock, grace_ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(grace_ms, resolve)
    void work.then(() => {
      timer.cancel()
      resolve()
    })
  })
}
