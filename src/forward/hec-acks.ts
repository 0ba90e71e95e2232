/**
 * Indexer acknowledgement of Splunk's event collector: every accepted request has a number on a channel of ours, and is
 * asked for until it is true. What is not by the time-out is sent again. A number is told once: when that answer is
 * lost, the events come a second time.
 */
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Timer } from '../base/clock.ts'
import type { Cookies } from './cookies.ts'
import type { HttpClient } from './http-client.ts'
import { isAnswer } from './http-sender.ts'
import { parsed } from './json-answer.ts'
import { type Answer, BACKOFF, type Confirmed, type Outcome, type Paused, whyOf } from './outcome.ts'
import type { ForwardDeps } from './types.ts'

/** Milliseconds between two questions: short while answers come, longer while an indexer is busy. */
const POLL_FIRST_MS = 250
const POLL_MAX_MS = 5000
/** Numbers in one question. */
const ASKED_MAX = 1000
const ANSWER_MAX = 65_536

interface Waiting {
  readonly since: number
  readonly settle: (what: Confirmed) => void
}

export class Acknowledgements {
  readonly #client: HttpClient
  readonly #cookies: Cookies
  readonly #path: string
  readonly #timeout: number
  readonly #deps: ForwardDeps
  readonly #channel = randomUUID()
  /** Oldest first. */
  readonly #waiting = new Map<number, Waiting>()
  #timer: Timer | undefined
  #asking = false
  #pause = POLL_FIRST_MS
  #closed = false
  /** What kept the last question from being answered. */
  #trouble = ''

  constructor(client: HttpClient, cookies: Cookies, path: string, timeout: number, deps: ForwardDeps) {
    this.#client = client
    this.#cookies = cookies
    this.#path = path
    this.#timeout = timeout
    this.#deps = deps
  }

  get headers(): Readonly<Record<string, string>> {
    return { 'x-splunk-request-channel': this.#channel }
  }

  /** Takes the answer to accepted events and waits for their acknowledgement. */
  accept(answer: Answer): Outcome {
    const id = parsed(answer.text)?.['ackId']
    if (typeof id !== 'number' || !Number.isSafeInteger(id)) {
      const why = `${whyOf(answer)} without an ackId: the token has no indexer acknowledgement; switch it on there, or \`hec.acknowledge\` off here`
      return { kind: 'paused', why }
    }
    if (this.#closed) return STOPPED
    // A collector that started anew counts from 0: what waited under that number never will be told.
    this.#waiting.get(id)?.settle({ kind: 'retry', why: `ackId ${id} was given twice`, wait: BACKOFF })
    const confirmed = new Promise<Confirmed>((settle) => {
      this.#waiting.delete(id)
      this.#waiting.set(id, { since: this.#deps.clock.monotonic(), settle })
    })
    this.#arm()
    return { kind: 'accepted', confirmed }
  }

  /** Nothing more is waited for. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#settleAll(STOPPED)
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#asking || this.#closed || this.#waiting.size === 0) return
    this.#timer = this.#deps.clock.after(this.#pause, () => {
      this.#timer = undefined
      void this.#ask()
    })
  }

  async #ask(): Promise<void> {
    this.#asking = true
    const acks = [...this.#waiting.keys()].slice(0, ASKED_MAX)
    const got = await this.#client.post({
      path: `${this.#path}?channel=${this.#channel}`,
      body: Buffer.from(JSON.stringify({ acks })),
      events: false,
      headers: { ...this.headers, ...this.#cookies.headers },
      whole_max: ANSWER_MAX,
    })
    this.#asking = false
    if (this.#closed) return
    if (isAnswer(got)) this.#take(got, acks)
    else this.#trouble = got.why
    this.#expire()
    this.#arm()
  }

  #take(answer: Answer, asked: readonly number[]): void {
    this.#cookies.take(answer.cookies ?? [])
    const said = parsed(answer.text)
    if (answer.status < 200 || answer.status >= 300) {
      this.#trouble = whyOf(answer)
      // 14: there are no acknowledgements; 401 and 403: no token any more.
      if (said?.['code'] === 14 || answer.status === 401 || answer.status === 403)
        this.#settleAll({ kind: 'paused', why: `asked for acknowledgements, ${whyOf(answer)}` })
      return
    }
    const acks = said?.['acks']
    if (typeof acks !== 'object' || acks === null || Array.isArray(acks)) {
      this.#trouble = `${whyOf(answer)} without acks`
      return
    }
    this.#trouble = ''
    let told = 0
    for (const id of asked) {
      if ((acks as Record<string, unknown>)[String(id)] !== true) continue
      this.#waiting.get(id)?.settle({ kind: 'delivered' })
      this.#waiting.delete(id)
      told += 1
    }
    this.#pause = told > 0 ? POLL_FIRST_MS : Math.min(this.#pause * 2, POLL_MAX_MS)
  }

  #expire(): void {
    const before = this.#deps.clock.monotonic() - this.#timeout
    for (const [id, { since, settle }] of this.#waiting) {
      if (since > before) return
      this.#waiting.delete(id)
      const trouble = this.#trouble === '' ? '' : ` (${this.#trouble})`
      settle({ kind: 'retry', why: `no acknowledgement within ${this.#timeout} ms${trouble}`, wait: BACKOFF })
    }
  }

  #settleAll(what: Confirmed | Paused): void {
    for (const { settle } of this.#waiting.values()) settle(what)
    this.#waiting.clear()
  }
}

const STOPPED: Confirmed & Outcome = { kind: 'retry', why: 'stopped', wait: BACKOFF }
