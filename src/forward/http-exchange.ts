/**
 * One request and its answer, as undici tells of it. The answer is bounded in bytes, and the whole in time: undici's
 * own times begin anew with every byte of an answer, and with every 1xx before it. An answer is never inflated: nobody
 * asked for a compressed one.
 */
import { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { systemClock, type Timer } from '../base/clock.ts'
import type { Answer } from './outcome.ts'

/** Bytes of an answer that are read; the rest is not waited for, and its connection is given up. */
const ANSWER_MAX = 65_536
/** The most that is kept of an answer for its message. */
const SAID_MAX = 1024
const COOKIES_MAX = 16
const COOKIE_BYTES_MAX = 4096

/** The time for all of it is over. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** What is read of an answer. */
export interface Reading {
  /** Milliseconds for all of it. */
  readonly time: number
  /** Bytes of a body that is wanted whole; 0: its beginning is enough. */
  readonly whole_max: number
}

/** Sends `request`, and gives it up in time. Rejects with what kept the answer from coming. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  reading: Reading,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(request, new Exchange(resolve, reject, reading))
  })
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  readonly #timer: Timer
  readonly #bytes_max: number
  readonly #keep_max: number
  #controller: Dispatcher.DispatchController | undefined
  #over: Error | undefined
  #status = 0
  #retry_after: string | undefined
  #cookies: readonly string[] = []
  readonly #kept: Buffer[] = []
  #kept_bytes = 0
  #bytes = 0
  #ended = false

  constructor(resolve: (answer: Answer) => void, reject: (error: Error) => void, reading: Reading) {
    this.#resolve = resolve
    this.#reject = reject
    this.#bytes_max = Math.max(ANSWER_MAX, reading.whole_max)
    this.#keep_max = Math.max(SAID_MAX, reading.whole_max)
    // The system's clock, as undici's own times: what is at stake is a socket.
    this.#timer = systemClock.after(reading.time, () => this.#giveUp(new NoAnswerError('no answer in time')))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up before there was a connection: nothing of it is sent.
    if (this.#over !== undefined) controller.abort(this.#over)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#status = status
    const retry_after: unknown = headers['retry-after']
    // Sent twice it is a list, of which nothing can be believed.
    this.#retry_after = typeof retry_after === 'string' ? retry_after : undefined
    const cookies: unknown = headers['set-cookie']
    const lines: unknown[] = Array.isArray(cookies) ? cookies : cookies === undefined ? [] : [cookies]
    this.#cookies = lines
      .filter((line): line is string => typeof line === 'string' && line.length <= COOKIE_BYTES_MAX)
      .slice(0, COOKIES_MAX)
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = this.#keep_max - this.#kept_bytes
    if (room > 0) {
      // The chunk is a view of a buffer that is used again.
      const piece = Buffer.from(chunk.subarray(0, room))
      this.#kept.push(piece)
      this.#kept_bytes += piece.length
    }
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytes_max) this.#giveUp(new Error('the answer is too long'))
  }

  onResponseEnd(): void {
    this.#ended = true
    this.#settle(undefined)
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#settle(error)
  }

  #giveUp(error: Error): void {
    if (this.#over !== undefined) return
    this.#over = error
    this.#controller?.abort(error)
    this.#settle(error)
  }

  /** A failure behind the status changes nothing: the status has said what matters. Settling twice does nothing. */
  #settle(error: Error | undefined): void {
    this.#timer.cancel()
    if (error !== undefined && this.#status === 0) return this.#reject(error)
    this.#resolve({
      status: this.#status,
      retry_after: this.#retry_after,
      text: Buffer.concat(this.#kept).toString(),
      whole: this.#ended && this.#bytes === this.#kept_bytes,
      cookies: this.#cookies,
    })
  }
}
