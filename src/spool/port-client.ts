/**
 * The spool as a pipeline worker holds it: requests over a port to the spool thread. When the thread dies nothing is lost
 * here: {@link SpoolPortClient.replacePort} asks the next one everything that has no answer yet, and tells it again what
 * was acknowledged and had not reached the disk. No promise but that of `stop` ever rejects.
 */
import type { MessagePort } from 'node:worker_threads'
import { Deque } from '../queue/deque.ts'
import type {
  ChainState,
  SpoolClient,
  SpoolReadResult,
  SpoolRow,
  SpoolWriteOutcome,
} from '../queue/spool-port.ts'
import type { DroppedRows, SpoolReply, SpoolRequest } from './protocol.ts'

interface Pending {
  readonly request: SpoolRequest
  readonly settle: (reply: SpoolReply) => void
  /** Of a write whose bytes are not kept here: makes them once more. */
  readonly again: (() => ArrayBuffer | undefined) | undefined
}

type Acknowledgement = Extract<SpoolRequest, { type: 'acknowledge' }>
type StopRow = { readonly key: string; readonly row: SpoolRow }

export class SpoolPortClient implements SpoolClient {
  #port: MessagePort
  #next_id = 1
  /** Why there is no thread any more. */
  #lost: string | undefined
  /** Without an answer, in the order they were asked. */
  readonly #pending = new Map<number, Pending>()
  /** Acknowledgements that may not be on disk yet. */
  readonly #unflushed = new Deque<Acknowledgement>()

  constructor(port: MessagePort) {
    this.#port = port
    this.#listen()
  }

  /** The thread was started again: `port` leads to the new one. */
  replacePort(port: MessagePort): void {
    this.#port.close()
    this.#port = port
    this.#listen()
    for (const request of this.#unflushed) port.postMessage(request)
    for (const pending of this.#pending.values()) this.#sendAgain(pending)
  }

  /** There will be no other thread: every write that has no answer comes back with `reason`, and every later one. */
  abandon(reason: string): void {
    this.#lost = reason
    for (const [id, { request, settle }] of this.#pending) {
      if (request.type === 'write') settle({ type: 'written', id, outcome: 'error', reason })
      else if (request.type === 'stop') settle({ type: 'stopped', id, failed: reason })
      else continue
      this.#pending.delete(id)
    }
  }

  close(): void {
    this.#port.close()
  }

  async recover(): Promise<readonly ChainState[]> {
    const reply = await this.#ask('recovered', (id) => ({ type: 'recover', id }))
    return reply.chains
  }

  async write(
    key: string,
    disk_max: number,
    row: SpoolRow,
    again?: () => ArrayBuffer | undefined,
  ): Promise<SpoolWriteOutcome> {
    const { outcome, reason } = await this.#ask(
      'written',
      (id) => ({ type: 'write', id, key, disk_max, row }),
      again,
    )
    if (outcome === 'committed') return { outcome }
    return { outcome, reason, row }
  }

  async read(key: string, after: number, bytes: number): Promise<SpoolReadResult> {
    const reply = await this.#ask('read', (id) => ({ type: 'read', id, key, after, bytes }))
    return reply.result
  }

  acknowledge(key: string, sequences: readonly number[]): void {
    const request: Acknowledgement = { type: 'acknowledge', id: this.#next_id, key, sequences }
    this.#next_id += 1
    this.#unflushed.push(request)
    this.#port.postMessage(request)
  }

  async dropOldest(key: string, after: number, bytes: number): Promise<DroppedRows> {
    const reply = await this.#ask('dropped', (id) => ({ type: 'drop', id, key, after, bytes }))
    return reply.lost
  }

  /** Rejects when the rows are not on disk. */
  async stop(rows: readonly StopRow[]): Promise<void> {
    const { failed } = await this.#ask('stopped', (id) => ({ type: 'stop', id, rows }))
    if (failed !== null) throw new Error(`the spool could not take what was unsent: ${failed}`)
  }

  async state(key: string): Promise<ChainState> {
    const reply = await this.#ask('state', (id) => ({ type: 'state', id, key }))
    return reply.state
  }

  #ask<T extends SpoolReply['type']>(
    type: T,
    make: (id: number) => SpoolRequest,
    again?: () => ArrayBuffer | undefined,
  ): Promise<Extract<SpoolReply, { type: T }>> {
    const request = make(this.#next_id)
    this.#next_id += 1
    return new Promise((resolve) => {
      const settle = (reply: SpoolReply): void => {
        if (reply.type === type) resolve(reply as Extract<SpoolReply, { type: T }>)
      }
      this.#pending.set(request.id, { request, settle, again })
      if (request.type === 'write' && again !== undefined)
        this.#port.postMessage(request, [request.row.bytes])
      else this.#send(request)
      if (this.#lost !== undefined) this.abandon(this.#lost)
    })
  }

  /** The thread died with it. */
  #sendAgain({ request, settle, again }: Pending): void {
    if (request.type !== 'write' || again === undefined) return this.#send(request)
    const bytes = again()
    if (bytes !== undefined) this.#port.postMessage({ ...request, row: { ...request.row, bytes } }, [bytes])
    else {
      // Maybe it is on disk: as a batch that was written it is acknowledged now.
      this.#pending.delete(request.id)
      settle({ type: 'written', id: request.id, outcome: 'committed', reason: '' })
    }
  }

  /** Batches that cannot be made again go as copies that are transferred: the original must be here if the thread dies. */
  #send(request: SpoolRequest): void {
    if (request.type === 'write') {
      const bytes = request.row.bytes.slice(0)
      this.#port.postMessage({ ...request, row: { ...request.row, bytes } }, [bytes])
    } else this.#port.postMessage(request)
  }

  #listen(): void {
    this.#port.on('message', (reply: SpoolReply) => {
      if (reply.type === 'flushed') {
        for (let oldest = this.#unflushed.peek(); oldest !== undefined && oldest.id <= reply.id; ) {
          this.#unflushed.shift()
          oldest = this.#unflushed.peek()
        }
        return
      }
      const pending = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      pending?.settle(reply)
    })
  }
}
