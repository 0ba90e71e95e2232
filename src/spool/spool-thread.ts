/** The spool thread as main sees it. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { threadUrl } from '../base/thread-url.ts'
import type { SpoolNotice } from './context.ts'
import type { FromSpool, SpoolSettings, ToSpool } from './protocol.ts'

export interface SpoolThreadEvents {
  readonly notice: (notice: SpoolNotice) => void
  /** The thread ended without being asked to: start another and hand its ports to the workers. */
  readonly died: (reason: string) => void
}

/** For short-lived objects, in MiB: it has few. */
const YOUNG_MB = 3

export class SpoolThread {
  readonly #thread: Worker
  readonly #ended: Promise<void>
  #asked_to_end = false

  constructor(settings: SpoolSettings, events: SpoolThreadEvents) {
    this.#thread = new Worker(threadUrl(import.meta.url, './thread-entry'), {
      workerData: settings,
      name: 'spool',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    let failure = ''
    this.#thread.on('message', (message: FromSpool) => {
      if (message.type === 'notice') events.notice(message.notice)
    })
    this.#thread.on('error', (error) => {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
    })
    this.#ended = new Promise((resolve) => {
      this.#thread.on('exit', (code) => {
        resolve()
        if (!this.#asked_to_end) events.died(failure === '' ? `exit code ${code}` : failure)
      })
    })
  }

  /** A port for the worker of that number: it goes into its {@link SpoolPortClient}. */
  attach(worker: number): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#say({ type: 'attach', worker, port: port1 }, [port1])
    return port2
  }

  configure(settings: SpoolSettings): void {
    this.#say({ type: 'settings', settings })
  }

  /** Commits what waits, writes the cursors, closes every file; resolves when the thread has ended. */
  async close(): Promise<void> {
    this.#asked_to_end = true
    this.#say({ type: 'close' })
    await this.#ended
  }

  /** Ends the thread at once, as a death would: {@link SpoolThreadEvents.died} is called. For tests. */
  async kill(): Promise<void> {
    await this.#thread.terminate()
  }

  #say(message: ToSpool, transfer: readonly MessagePort[] = []): void {
    this.#thread.postMessage(message, transfer)
  }
}
