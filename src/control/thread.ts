/** A worker thread as main sees it: requests with answers, log lines, and a death that is told once. */
import { Worker } from 'node:worker_threads'
import type { CounterGrant } from '../base/counters.ts'
import { LogweirError } from '../base/errors.ts'
import type { FromWorker, LogLevel, ToWorker, WorkerStart } from '../worker/protocol.ts'
import { threadUrl } from '../base/thread-url.ts'

/**
 * For short-lived objects of a worker, in MiB: batches of a thousand tenants live a tenth of a second, and in less than this they are taken
 * for objects that stay. More makes nothing faster, and V8 keeps it (docs/decisions.md).
 */
const YOUNG_MB = 12

export interface ThreadEvents {
  readonly log: (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>) => void
  /** The worker made counters for forwarders that only its disk knows. */
  readonly granted: (grant: CounterGrant) => void
  readonly gaveBack: () => void
  /** The thread ended without being asked to. */
  readonly died: (reason: string) => void
}

/** A request without its number. */
type Request = ToWorker extends infer M ? (M extends { readonly id: number } ? Omit<M, 'id'> : never) : never

export class WorkerThread {
  readonly index: number
  readonly #worker: Worker
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #next_id = 1
  #asked_to_end = false
  #ended = false
  #failure = ''

  constructor(start: WorkerStart, events: ThreadEvents) {
    this.index = start.index
    const transferList = start.files === null ? [start.spool] : [start.spool, start.files]
    this.#worker = new Worker(threadUrl(import.meta.url, '../worker/pipeline-entry'), {
      workerData: start,
      transferList,
      name: `pipeline-${start.index}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    this.#worker.on('message', (message: FromWorker) => this.#receive(message, events))
    this.#worker.on('error', (error: unknown) => {
      this.#failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    this.#worker.on('exit', (code) => {
      this.#ended = true
      const reason = this.#failure === '' ? `exit code ${code}` : this.#failure
      for (const { reject } of this.#pending.values())
        reject(new Error(`worker ${this.index} ended: ${reason}`))
      this.#pending.clear()
      if (!this.#asked_to_end) events.died(reason)
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Asks and waits for the answer. Rejects with what the worker said, or when it dies. */
  ask<T>(request: Request): Promise<T> {
    if (this.#ended) return Promise.reject(new Error(`worker ${this.index} has ended`))
    const id = this.#next_id
    this.#next_id += 1
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#worker.postMessage({ ...request, id })
    })
  }

  /** Hands over a new port: to a new spool thread, or to a worker that owns no files. */
  give(message: Extract<ToWorker, { type: 'spool' | 'files' }>): void {
    if (!this.#ended) this.#worker.postMessage(message, [message.port])
  }

  /** Says something that has no answer. */
  tell(message: Extract<ToWorker, { type: 'spool_lost' }>): void {
    if (!this.#ended) this.#worker.postMessage(message)
  }

  async end(): Promise<void> {
    this.#asked_to_end = true
    await this.#worker.terminate()
  }

  /** For tests of a worker's death: ends the thread as if it had died. */
  async kill(): Promise<void> {
    await this.#worker.terminate()
  }

  #receive(message: FromWorker, events: ThreadEvents): void {
    if (message.type === 'log') {
      events.log(message.level, message.message, message.fields)
      return
    }
    if (message.type === 'grant') {
      events.granted(message.grant)
      return
    }
    if (message.type === 'gave_back') return events.gaveBack()
    const waiting = this.#pending.get(message.id)
    this.#pending.delete(message.id)
    const { error } = message
    if (error === undefined) waiting?.resolve(message.value)
    else waiting?.reject(new LogweirError(error.code, error.message, error.mend))
  }
}
