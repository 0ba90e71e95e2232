/**
 * `file:` destinations with several workers: worker 0 owns the files, the others send it what they would have
 * written and wait for its answer. Queue, spool and ledger of an event stay with the worker that took it.
 */
import { Buffer } from 'node:buffer'
import type { MessagePort } from 'node:worker_threads'
import { errorCode, errorText } from '../base/errors.ts'
import { FileWriter, type Rotation } from '../forward/file-writer.ts'
import type { FileSink } from '../forward/types.ts'

type ToOwner =
  | {
      readonly type: 'write'
      readonly id: number
      readonly path: string
      readonly rotation: Rotation
      readonly bytes: Uint8Array
    }
  | { readonly type: 'close'; readonly id: number; readonly path: string }

interface FromOwner {
  readonly id: number
  readonly error: { readonly message: string; readonly code: string | undefined } | null
}

/** Makes file sinks for a worker's destinations, and serves the other workers' when this one owns the files. */
export class FileHands {
  #port: MessagePort | null = null
  readonly #monotonic: () => number
  readonly #owned = new Map<string, OwnedFile>()
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #next_id = 1
  readonly #owns: boolean

  /** `owns`: this is worker 0. */
  constructor(owns: boolean, monotonic: () => number) {
    this.#owns = owns
    this.#monotonic = monotonic
  }

  /** A way to write one file. */
  readonly open = (path: string, rotation: Rotation): FileSink =>
    this.#owns ? this.#own(path, rotation) : new RemoteFile(path, rotation, this)

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
  ask(path: string, rotation: Rotation, bytes: Uint8Array | null): Promise<void> {
    const port = this.#port
    if (port === null) return Promise.reject(new Error('the worker that owns the file is not there yet'))
    const id = this.#next_id
    this.#next_id += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      const message: ToOwner =
        bytes === null ? { type: 'close', id, path } : { type: 'write', id, path, rotation, bytes }
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
        await this.#own(message.path, message.rotation).write([Buffer.from(buffer, byteOffset, byteLength)])
      }
      answer(null)
    } catch (error) {
      answer({ message: errorText(error), code: errorCode(error) })
    }
  }

  #own(path: string, rotation: Rotation): OwnedFile {
    let file = this.#owned.get(path)
    if (file === undefined) {
      file = new OwnedFile(new FileWriter(path, rotation, this.#monotonic))
      this.#owned.set(path, file)
    }
    return file
  }
}

/** One file, written by one caller at a time. */
class OwnedFile implements FileSink {
  readonly #writer: FileWriter
  #last: Promise<unknown> = Promise.resolve()

  constructor(writer: FileWriter) {
    this.#writer = writer
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
    const run = this.#last.then(act, act)
    this.#last = run.catch(() => undefined)
    return run
  }
}

/** A file that another worker owns. */
class RemoteFile implements FileSink {
  readonly #path: string
  readonly #rotation: Rotation
  readonly #hands: FileHands

  constructor(path: string, rotation: Rotation, hands: FileHands) {
    this.#path = path
    this.#rotation = rotation
    this.#hands = hands
  }

  /** Nothing of it is open here. */
  readonly open = false

  write(buffers: readonly Buffer[]): Promise<void> {
    const bytes = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.length, 0))
    let at = 0
    for (const buffer of buffers) {
      bytes.set(buffer, at)
      at += buffer.length
    }
    return this.#hands.ask(this.#path, this.#rotation, bytes)
  }

  close(): Promise<void> {
    return this.#hands.ask(this.#path, this.#rotation, null)
  }
}
