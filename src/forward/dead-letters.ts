/**
 * Events that a destination refused for good, one JSON object a line with what it was answered: set aside for a
 * person, bounded in bytes. They count as dropped; the file is for looking, mending and sending again by hand.
 */
import { Buffer, isUtf8 } from 'node:buffer'
import { join } from 'node:path'
import { utcText } from '../classify/timestamp.ts'
import type { Batch } from '../queue/batch.ts'
import type { DeadLettersStatus } from '../queue/lane.ts'
import { safeName } from './file-paths.ts'
import { FileWriter } from './file-writer.ts'
import { inWords } from './status.ts'
import type { FileSink, ForwardDeps, ForwarderTarget } from './types.ts'

/** Nobody but us: events of a tenant, which may hold anything. */
const FILE_MODE = 0o600
const CLOSE_AFTER_MS = 5000

export class DeadLetters {
  readonly #deps: ForwardDeps
  readonly #path: string | null
  readonly #line_max: number
  readonly #sink: FileSink | null
  readonly #failed: (why: string) => void
  #events = 0
  #closing: { cancel(): void } | undefined
  #last: Promise<void> = Promise.resolve()

  constructor(forwarder: ForwarderTarget, deps: ForwardDeps, failed: (why: string) => void) {
    this.#deps = deps
    this.#failed = failed
    const max = forwarder.settings.http.dead_letters
    this.#path =
      deps.dead_letters === undefined || max === 0 ? null : pathOf(deps.dead_letters, forwarder.key)
    // The file and the one put aside share the bound.
    this.#line_max = Math.floor(max / 2)
    const options = {
      size: this.#line_max,
      keep: 1,
      every: null,
      gzip: false,
      fsync: false,
      mode: FILE_MODE,
    }
    this.#sink =
      this.#path === null
        ? null
        : (deps.openFile?.(this.#path, options) ?? new FileWriter(this.#path, options, deps.clock))
  }

  /** Null: none are kept, or none came. */
  get status(): DeadLettersStatus | null {
    return this.#path === null || this.#events === 0 ? null : { file: this.#path, events: this.#events }
  }

  /** Writes event `n` and why it was refused. Never throws: says in words what became of it. */
  async add(batch: Batch, n: number, reason: string, answer: string): Promise<string> {
    if (this.#sink === null) return 'and not kept'
    const line = this.#line(batch, n, reason, answer)
    const written = this.#last.then(() => this.#sink?.write([line]))
    this.#last = written.then(
      () => undefined,
      () => undefined,
    )
    try {
      await written
    } catch (error) {
      this.#failed(`dead letters cannot be written to ${this.#path ?? ''}: ${inWords(error)}`)
      return 'and could not be set aside'
    }
    this.#events += 1
    this.#closing?.cancel()
    this.#closing = this.#deps.clock.after(CLOSE_AFTER_MS, () => void this.close())
    return `set aside in ${this.#path ?? ''}`
  }

  async close(): Promise<void> {
    this.#closing?.cancel()
    this.#closing = undefined
    this.#last = this.#last.then(() => this.#sink?.close()).catch(() => undefined)
    await this.#last
  }

  #line(batch: Batch, n: number, reason: string, answer: string): Buffer {
    const start = batch.offset(n)
    const bytes = batch.payload.subarray(start, start + batch.length(n))
    const letter = {
      set_aside_at: new Date(this.#deps.clock.wall()).toISOString(),
      reason,
      answer,
      id: batch.eventId(n),
      received_at: utcText(batch.received_at(n)),
      peer: batch.peer(n),
      stream: batch.names.stream(batch.stream(n)),
      tenant: batch.names.owner(batch.owner(n))?.tenant ?? null,
    }
    const whole = isUtf8(bytes)
      ? { ...letter, event: bytes.toString() }
      : { ...letter, event: null, event_base64: bytes.toString('base64') }
    const line = Buffer.from(`${JSON.stringify(whole)}\n`)
    if (line.length <= this.#line_max) return line
    return Buffer.from(`${JSON.stringify({ ...letter, event: null, bytes: bytes.length })}\n`)
  }
}

/** `tenant/name` below the folder. Names are safe as they are; what the disk gave us back is not trusted to be. */
function pathOf(folder: string, key: string): string {
  const slash = key.indexOf('/')
  return join(folder, safeName(key.slice(0, slash)), `${safeName(key.slice(slash + 1))}.jsonl`)
}
