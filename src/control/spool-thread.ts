/** The spool thread as main sees it: started, connected to workers, started again when it dies, closed at the end. */
import { join } from 'node:path'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { threadUrl } from '../base/thread-url.ts'
import type { Settings } from '../config/types.ts'
import type { FromSpool, SpoolSettings, ToSpool } from '../spool/protocol.ts'
import type { Log } from './log.ts'

/** Milliseconds that closing files may take before the thread is ended all the same. */
const CLOSE_MS = 5000

export class SpoolThread {
  readonly #settings: SpoolSettings
  readonly #log: Log
  #thread: Worker
  #alive = true
  #asked_to_end = false
  #died: (reason: string) => void = () => undefined

  private constructor(settings: SpoolSettings, log: Log) {
    this.#settings = settings
    this.#log = log
    this.#thread = this.#start()
  }

  static start(settings: Settings, log: Log): SpoolThread {
    const { disk_max, disk_free_min, sync } = settings.spool
    return new SpoolThread({ folder: join(settings.data, 'spool'), disk_max, disk_free_min, sync }, log)
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Calls `act` when the thread ends without being asked to. */
  onDeath(act: (reason: string) => void): void {
    this.#died = act
  }

  /** A port for a worker; the thread serves its other end. */
  connect(worker: number): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#post({ type: 'attach', worker, port: port2 }, [port2])
    return port1
  }

  restart(): void {
    this.#thread = this.#start()
    this.#alive = true
  }

  /** Commits what waits and closes every file. */
  async end(): Promise<void> {
    if (this.#asked_to_end) return
    this.#asked_to_end = true
    if (this.#alive) {
      const closed = Promise.withResolvers<void>()
      this.#thread.on('message', (message: FromSpool) => {
        if (message.type === 'closed') closed.resolve()
      })
      this.#thread.once('exit', () => closed.resolve())
      const limit = setTimeout(closed.resolve, CLOSE_MS)
      this.#post({ type: 'close' })
      await closed.promise
      clearTimeout(limit)
    }
    await this.#thread.terminate()
  }

  #post(message: ToSpool, transfer: MessagePort[] = []): void {
    this.#thread.postMessage(message, transfer)
  }

  #start(): Worker {
    const thread = new Worker(threadUrl(import.meta.url, '../spool/spool-entry'), {
      workerData: this.#settings,
      name: 'spool',
    })
    let failure = ''
    thread.on('message', (message: FromSpool) => {
      if (message.type !== 'notice') return
      const { level, message: text, event, key, events } = message.notice
      this.#log(level, text, { event, ...(key === null ? {} : { forwarder: key }), events })
    })
    thread.on('error', (error) => {
      failure = error.stack ?? String(error)
    })
    thread.on('exit', (code) => {
      if (thread !== this.#thread) return
      this.#alive = false
      if (!this.#asked_to_end) this.#died(failure === '' ? `exit code ${code}` : failure)
    })
    return thread
  }
}
