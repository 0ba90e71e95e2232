/** The spool thread over its deaths: one handle that main keeps. */
import type { MessagePort } from 'node:worker_threads'
import type { Settings } from '../config/types.ts'
import type { SpoolSettings } from '../spool/protocol.ts'
import { spoolSettings } from './spool-settings.ts'
import { SpoolThread } from '../spool/spool-thread.ts'
import type { Log } from './log.ts'

export class SpoolHandle {
  readonly #settings: SpoolSettings
  readonly #log: Log
  readonly #died: (reason: string) => void
  #thread: SpoolThread
  #alive = true

  /** `died` is called when the thread ends without being asked to. */
  constructor(settings: Settings, log: Log, died: (reason: string) => void) {
    this.#settings = spoolSettings(settings)
    this.#log = log
    this.#died = died
    this.#thread = this.#start()
  }

  get alive(): boolean {
    return this.#alive
  }

  /** A port for a worker; the thread serves its other end. */
  connect(worker: number): MessagePort {
    return this.#thread.attach(worker)
  }

  restart(): void {
    this.#thread = this.#start()
    this.#alive = true
  }

  /** Commits what waits and closes every file. */
  async end(): Promise<void> {
    if (this.#alive) await this.#thread.close()
    this.#alive = false
  }

  /** For tests of the thread's death. */
  async kill(): Promise<void> {
    await this.#thread.kill()
  }

  #start(): SpoolThread {
    return new SpoolThread(this.#settings, {
      notice: ({ level, message, event, key, events }) =>
        this.#log(level, message, { event, ...(key === null ? {} : { forwarder: key }), events }),
      died: (reason) => {
        this.#alive = false
        this.#died(reason)
      },
    })
  }
}
