/**
 * `file:` destinations with several workers: worker 0 owns the files, the others send it what they would have
 * written and wait for its answer. Queue, spool and ledger of an event stay with the worker that took it.
 */
import { Buffer } from 'node:buffer'
import type { MessagePort } from 'node:worker_threads'
import { errorCode, errorText } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { FileWriter } from '../forward/file-writer.ts'
import type { FileSink } from '../forward/types.ts'
import type { FileOptions } from '../rules/forwarder-settings.ts'

type ToOwner =
  | {
      readonly type: 'write'
      readonly id: number
      readonly path: string
      readonly options: FileOptions
      readonly bytes: Uint8Array
    }
  | { readonly type: 'close'; readonly id: number; readonly path: string }

interface FromOwner {
  readonly id: number
  readonly error: { readonly message: string; readonly code: string | undefined } | null
}

/** Files that the owner keeps open at once, unless more are written at the same time. */
const OPEN_MAX = 64

/** Makes file sinks for a worker's destinations, and serves the other workers' when this one owns the files. */
export class FileHands {
  #port: MessagePort | null = null
  readonly #clock: Pick<Clock, 'monotonic' | 'wall'>
  /** Least recently used first. */
  readonly #owned = new Map<string, OwnedFile>()
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #next_id = 1
  readonly #owns: boolean

  /** `owns`: this is worker 0. */
  constructor(owns: boolean, clock: Pick<Clock, 'monotonic' | 'wall'>) {
    this.#owns = owns
    this.#clock = clock
  }

  /** A way to write one file. */
  readonly open = (path: string, options: FileOptions): FileSink =>
    this.#owns ? new LocalFile(path, options, this) : new RemoteFile(path, options, this)

  /** Worker 0: another worker's requests come here. Others: worker 0 is reached here from now on. */
  attach(port: MessagePort): void {
    if (this.#owns) {
      port.on('message', (message: ToOwner) => void this.#serve(port, message))
      return
    }
    this.#port?.close()
    // What was asked of the former owner gets no answer any more; it may have been written.
    for (const { reject } of this.#waiting.values()) reject(new Error('the worker that owns the file ended'))
    this.#waiting.clear()
    this.#port = port
    port.on('message', (answer: FromOwner) => this.#answered(answer))
  }

  /** Asks the owner. Rejects with what went wrong there. */
  ask(path: string, options: FileOptions, bytes: Uint8Array | null): Promise<void> {
    const port = this.#port
    if (port === null) return Promise.reject(new Error('the worker that owns the file is not there yet'))
    const id = this.#next_id
    this.#next_id += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      const message: ToOwner =
        bytes === null ? { type: 'close', id, path } : { type: 'write', id, path, options, bytes }
      port.postMessage(message, bytes === null ? [] : [bytes.buffer as ArrayBuffer])
    })
  }

  #answered({ id, error }: FromOwner): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === null) waiting?.resolve()
    else
      waiting?.reject(
        Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code }),
      )
  }

  async #serve(port: MessagePort, message: ToOwner): Promise<void> {
    const answer = (error: FromOwner['error']): void =>
      port.postMessage({ id: message.id, error } satisfies FromOwner)
    try {
      // Closing is the owner's own affair: another worker may be writing.
      if (message.type === 'write') {
        const { buffer, byteOffset, byteLength } = message.bytes
        await this.write(message.path, message.options, [Buffer.from(buffer, byteOffset, byteLength)])
      }
      answer(null)
    } catch (error) {
      answer({ message: errorText(error), code: errorCode(error) })
    }
  }

  /** The owner: appends to a file, behind whoever writes it now. */
  write(path: string, options: FileOptions, buffers: readonly Buffer[]): Promise<void> {
    let file = this.#owned.get(path)
    // Settings that a reload changed: the file goes on under the new ones.
    if (file === undefined || (!file.busy && JSON.stringify(file.options) !== JSON.stringify(options))) {
      void file?.close()
      file = new OwnedFile(new FileWriter(path, options, this.#clock), options)
    }
    this.#owned.delete(path)
    this.#owned.set(path, file)
    const written = file.write(buffers)
    this.#evict()
    return written
  }

  /** The owner: what is known of a file that was written lately. */
  find(path: string): OwnedFile | undefined {
    return this.#owned.get(path)
  }

  /** The owner: closes a file. */
  async close(path: string): Promise<void> {
    const file = this.#owned.get(path)
    if (file === undefined) return
    await file.close()
    if (!file.busy && !file.open && this.#owned.get(path) === file) this.#owned.delete(path)
  }

  /** Files that nobody writes any more, those of past days for example, are not kept open. */
  #evict(): void {
    for (const [path, file] of this.#owned) {
      if (this.#owned.size <= OPEN_MAX) return
      if (file.busy) continue
      this.#owned.delete(path)
      void file.close().catch(() => undefined)
    }
  }
}

/** One file, written by one caller at a time. */
class OwnedFile {
  readonly options: FileOptions
  readonly #writer: FileWriter
  #last: Promise<unknown> = Promise.resolve()
  #pending = 0

  constructor(writer: FileWriter, options: FileOptions) {
    this.#writer = writer
    this.options = options
  }

  /** Somebody writes it, or a part of it that was put aside is being compressed. */
  get busy(): boolean {
    return this.#pending > 0 || this.#writer.busy
  }

  get open(): boolean {
    return this.#writer.open
  }

  write(buffers: readonly Buffer[]): Promise<void> {
    return this.#alone(() => this.#writer.write(buffers))
  }

  close(): Promise<void> {
    return this.#alone(() => this.#writer.close())
  }

  #alone(act: () => Promise<void>): Promise<void> {
    this.#pending += 1
    const run = this.#last.then(act, act).finally(() => {
      this.#pending -= 1
    })
    this.#last = run.catch(() => undefined)
    return run
  }
}

/** A file that this worker owns, as a destination sees it. */
class LocalFile implements FileSink {
  readonly #path: string
  readonly #options: FileOptions
  readonly #hands: FileHands

  constructor(path: string, options: FileOptions, hands: FileHands) {
    this.#path = path
    this.#options = options
    this.#hands = hands
  }

  get open(): boolean {
    return this.#hands.find(this.#path)?.open ?? false
  }

  get busy(): boolean {
    return this.#hands.find(this.#path)?.busy ?? false
  }

  write(buffers: readonly Buffer[]): Promise<void> {
    return this.#hands.write(this.#path, this.#options, buffers)
  }

  close(): Promise<void> {
    return this.#hands.close(this.#path)
  }
}

/** A file that another worker owns. */
class RemoteFile implements FileSink {
  readonly #path: string
  readonly #options: FileOptions
  readonly #hands: FileHands

  constructor(path: string, options: FileOptions, hands: FileHands) {
    this.#path = path
    this.#options = options
    this.#hands = hands
  }

  /** Nothing of it is open here. */
  readonly open = false
  readonly busy = false

  write(buffers: readonly Buffer[]): Promise<void> {
    const bytes = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.length, 0))
    let at = 0
    for (const buffer of buffers) {
      bytes.set(buffer, at)
      at += buffer.length
    }
    return this.#hands.ask(this.#path, this.#options, bytes)
  }

  close(): Promise<void> {
    return this.#hands.ask(this.#path, this.#options, null)
  }
}
