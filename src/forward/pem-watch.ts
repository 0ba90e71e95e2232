/**
 * Notices that certificate files were replaced while a connection lives that was made with the old ones. Looked at when
 * there is something to send, now and then, without waiting. New files that cannot be used change nothing: a connection
 * that works is better than none.
 */
import { stat } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import type { ForwarderTls } from '../rules/forwarder-settings.ts'
import { inWords } from './status.ts'
import { tlsOptions } from './tls-context.ts'

const LOOK_MS = 10_000

export class PemWatch {
  readonly #tls: ForwarderTls
  readonly #host: string
  readonly #clock: Clock
  readonly #unusable: (why: string) => void
  readonly #files: readonly string[]
  /** Empty until a connection was made, and where there is no file. */
  #marks = ''
  #looked_at = 0
  #looking = false
  #changed = false

  /** `unusable` is told why new files are not taken. */
  constructor(tls: ForwarderTls, host: string, clock: Clock, unusable: (why: string) => void) {
    this.#tls = tls
    this.#host = host
    this.#clock = clock
    this.#unusable = unusable
    this.#files = [tls.ca, tls.certificate, tls.key].filter((path) => path !== null)
  }

  /** New files are there and can be used: connections should be made anew. */
  get changed(): boolean {
    return this.#changed
  }

  /** A connection was made with what the files hold now. */
  async mark(): Promise<void> {
    this.#changed = false
    this.#looked_at = this.#clock.monotonic()
    this.#marks = (await this.#read()) ?? this.#marks
  }

  /** There is something to send. Cheap. */
  look(): void {
    if (this.#marks === '' || this.#looking || this.#changed) return
    const now = this.#clock.monotonic()
    if (now - this.#looked_at < LOOK_MS) return
    this.#looked_at = now
    this.#looking = true
    void this.#compare().finally(() => {
      this.#looking = false
    })
  }

  async #compare(): Promise<void> {
    const marks = await this.#read()
    if (marks === undefined || marks === this.#marks) return
    try {
      await tlsOptions(this.#tls, this.#host)
      this.#changed = true
    } catch (error) {
      this.#unusable(`new certificate files are not taken, the connection stays: ${inWords(error)}`)
    }
  }

  /** What tells one state of the files from another; undefined while one is not there. */
  async #read(): Promise<string | undefined> {
    try {
      const found = await Promise.all(this.#files.map((path) => stat(path)))
      return found.map(({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`).join()
    } catch {
      return undefined
    }
  }
}
