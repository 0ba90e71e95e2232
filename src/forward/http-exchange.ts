/**
 * One request and its answer, as undici tells of it. The answer is bounded in bytes, and the whole in time: undici's
 * own times begin anew with every byte of an answer, and with every 1xx before it.
 */
import type { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { TextDecoder } from 'node:util'
import type { Dispatcher } from 'undici'
import { systemClock, type Timer } from '../base/clock.ts'
import type { Answer } from './outcome.ts'

/** Bytes of an answer that are read; the rest is not waited for, and its connection is given up. */
const ANSWER_MAX = 65_536
/** The most that is kept of an answer for its message. */
const SAID_MAX = 1024

/** The time for all of it is over. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** Sends `request`, and gives it up after `time_ms`. Rejects with what kept the answer from coming. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  time_ms: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(request, new Exchange(resolve, reject, time_ms))
  })
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  readonly #timer: Timer
  #controller: Dispatcher.DispatchController | undefined
  #over: Error | undefined
  #status = 0
  #retry_after: string | undefined
  #text = ''
  #bytes = 0
  #decoder: TextDecoder | undefined

  constructor(resolve: (answer: Answer) => void, reject: (error: Error) => void, time_ms: number) {
    this.#resolve = resolve
    this.#reject = reject
    // The system's clock, as undici's own times: what is at stake is a socket.
    this.#timer = systemClock.after(time_ms, () => this.#giveUp(new NoAnswerError('no answer in time')))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up before there was a connection: nothing of it is sent.
    if (this.#over !== undefined) controller.abort(this.#over)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#status = status
    this.#retry_after = headers['retry-after']
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#text.length < SAID_MAX) {
      this.#decoder ??= new TextDecoder()
      this.#text += this.#decoder.decode(chunk.subarray(0, SAID_MAX), { stream: true })
    }
    this.#bytes += chunk.length
    if (this.#bytes > ANSWER_MAX) this.#giveUp(new Error('the answer is too long'))
  }

  onResponseEnd(): void {
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
    const text = this.#text.slice(0, SAID_MAX)
    this.#resolve({ status: this.#status, retry_after: this.#retry_after, text })
  }
}
