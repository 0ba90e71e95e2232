/**
 * Events to a file, a line each. Batches that wait together are written together; what a full or broken disk
 * refuses goes back to the queue and is tried again by itself. The file is closed when nothing comes.
 */
import type { Buffer } from 'node:buffer'
import type { Clock, Timer } from '../base/clock.ts'
import type { Batch } from '../queue/batch.ts'
import type { Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Backoff } from './backoff.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { FileWriter } from './file-writer.ts'
import type { Dropped } from './replay-window.ts'
import { inWords, Status } from './status.ts'
import type { FileSink, ForwardDeps, ForwarderTarget } from './types.ts'

const GROUP_BYTES = 1_048_576
/** Encoded bytes of one turn of the event loop (2 ms at worst). */
const GROUP_ENCODED_BYTES = 131_072
/** Below the system's limit of buffers in one write. */
const GROUP_BATCHES = 256

interface Group {
  readonly batches: Batch[]
  readonly dropped: (Dropped | undefined)[]
  readonly buffers: Buffer[]
  bytes: number
}

export class FileDestination implements Destination {
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #encoder: BatchEncoder
  readonly #path: string
  readonly #writer: FileSink
  readonly #status: Status
  readonly #backoff: Backoff
  #working: Promise<void> | undefined
  /** What is being written. */
  #current: Group | undefined
  #timer: Timer | undefined
  #waiting = false
  #stopping: Promise<void> | undefined
  #wrote_at = 0
  #held = 0

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
    const { rotate } = forwarder.settings
    this.#writer = deps.openFile?.(path, rotate) ?? new FileWriter(path, rotate, () => deps.clock.monotonic())
    this.#status = new Status(forwarder.key, deps.clock, deps.log)
    this.#backoff = new Backoff(forwarder.settings.retry, deps.random)
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  get held_bytes(): number {
    return this.#encoder.passes ? 0 : this.#held
  }

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
      const { bytes, unencodable } = this.#encoder.encode(batch)
      group ??= { batches: [], dropped: [], buffers: [], bytes: 0 }
      group.batches.push(batch)
      group.dropped.push(unencodable === 0 ? undefined : { unencodable })
      if (bytes.length > 0) group.buffers.push(bytes)
      group.bytes += bytes.length
    }
    return group
  }

  async #work(first: Group): Promise<void> {
    let next: Group | undefined = first
    while (next !== undefined) {
      const group: Group = next
      this.#current = group
      const why = await this.#write(group)
      // A stop that could not wait any longer has given the batches back.
      if (this.#current !== group) return
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
    this.#held = group.bytes
    try {
      if (group.buffers.length > 0) await this.#writer.write(group.buffers)
      this.#lane.wrote(group.bytes)
      this.#wrote_at = this.#deps.clock.monotonic()
      return null
    } catch (error) {
      return inWords(error)
    } finally {
      this.#held = 0
    }
  }

  #retry(why: string): void {
    if (this.#stopping !== undefined) return
    this.#status.failing(`file ${this.#path}`, why)
    this.#waiting = true
    this.#timer = this.#deps.clock.after(this.#backoff.next(), () => {
      this.#timer = undefined
      this.#waiting = false
      this.wake()
    })
  }

  /** Descriptors are not kept for quiet files. */
  #armIdle(ms: number): void {
    if (this.#timer !== undefined || !this.#writer.open) return
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined
      if (this.#working !== undefined || this.#stopping !== undefined) return
      const left = this.#wrote_at + this.#deps.idle - this.#deps.clock.monotonic()
      if (left > 0) return this.#armIdle(left)
      this.#working = this.#close().then(() => {
        this.#working = undefined
        this.wake()
      })
    })
  }

  async #close(): Promise<void> {
    try {
      await this.#writer.close()
    } catch (error) {
      this.#status.lost('close', `closing ${this.#path}: ${inWords(error)}`)
    }
  }

  async #shutDown(grace_ms: number): Promise<void> {
    this.#timer?.cancel()
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
