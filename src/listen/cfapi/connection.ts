/** One client's connection: what it is held to, and the requests that are under way on it. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionShared } from '../connection.ts'
import { type Bucket, takeToken } from '../rates.ts'
import type { StreamPeer } from '../stream-listener.ts'
import type { Origin, RefuseReason } from '../types.ts'
import * as answers from './answers.ts'
import type { Answer } from './answers.ts'
import { send } from './send.ts'
import type { Taking } from './taking.ts'

/** Requests that a client may send before it has its answers. */
const PIPELINED_MAX = 8
const RETRY_S = 1

interface Underway {
  /** Monotonic milliseconds. */
  readonly since: number
  /** Its body is here. */
  gathered: boolean
}

/** See the module. */
export class CfapiConnection implements StreamPeer {
  busy = false
  /** Senders are not held up but told to come again. */
  readonly paused = false
  readonly shared: ConnectionShared
  readonly origin: Origin
  /** Nothing more is taken after the requests under way. */
  closing = false
  /** It was ended for what it did, which is counted. */
  refused = false
  readonly #socket: Socket
  readonly #bucket: Bucket | undefined
  readonly #underway = new Map<ServerResponse, Underway>()
  /** Bytes read when the last request ended; more of them begin the next one. */
  #read = 0
  /** When the headers of the next request were first seen to be unfinished. */
  #head_since: number | undefined
  #quiet_since: number

  constructor(shared: ConnectionShared, socket: Socket, origin: Origin, bucket: Bucket | undefined) {
    this.shared = shared
    this.origin = origin
    this.#socket = socket
    this.#bucket = bucket
    this.#quiet_since = shared.clock.monotonic()
    this.#read = socket.bytesRead
    socket.on('error', ignore)
  }

  get gone(): boolean {
    return this.#socket.destroyed
  }

  get unfinished(): boolean {
    return this.#underway.size > 0
  }

  resume(): void {
    // It was never paused.
  }

  /** A stopping listener: requests under way are answered, another one is told to go elsewhere (503). */
  finish(): void {
    this.closing = true
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** What was not answered the client sends again. */
  cut(): void {
    this.destroy()
  }

  check(now: number): void {
    if (this.gone) return
    // Cut off and still here: it does not read its answer.
    if (this.refused) return this.destroy()
    const { frame_timeout, idle_timeout } = this.shared.settings
    for (const [response, { since, gathered }] of this.#underway) {
      if (gathered || now - since < frame_timeout) continue
      send(response, answers.TOO_SLOW, true)
      return this.#cut('frame_timeout')
    }
    if (this.unfinished) return
    if (this.#socket.bytesRead > this.#read) {
      this.#head_since ??= now
      if (now - this.#head_since >= frame_timeout) this.#cut('frame_timeout')
    } else if (idle_timeout !== null && now - this.#quiet_since >= idle_timeout) this.#cut('idle_timeout')
  }

  /** A request's headers are here. */
  began(response: ServerResponse): void {
    this.busy = true
    this.#head_since = undefined
    this.#underway.set(response, { since: this.shared.clock.monotonic(), gathered: false })
  }

  /** Its body as well, or what there will be of it. */
  gathered(response: ServerResponse): void {
    const underway = this.#underway.get(response)
    if (underway !== undefined) underway.gathered = true
  }

  /** It was answered, or there is nobody to answer. */
  ended(response: ServerResponse): void {
    this.#underway.delete(response)
    this.#read = this.#socket.bytesRead
    this.#quiet_since = this.shared.clock.monotonic()
    if (this.closing && !this.unfinished) this.#socket.end()
  }

  refuse(reason: RefuseReason): void {
    this.shared.refusals.refuse(reason, this.origin.peer)
  }

  /** The client does not wait for its answers: each costs memory, and guesses at passwords would cost it no time. */
  crowded(): Answer | null {
    if (this.#underway.size <= PIPELINED_MAX) return null
    return answers.busy('too many requests are unanswered', RETRY_S)
  }

  /** Why nothing more can be taken now, or null. The client keeps what it has. */
  overload(): Answer | null {
    const { intake } = this.shared
    if (this.closing) return { ...answers.busy('the listener is closing', RETRY_S), close: true }
    const crowded = this.crowded()
    if (crowded !== null) return crowded
    if (!intake.acknowledging) {
      this.refuse('queue_full')
      return answers.busy('the queues are full', RETRY_S)
    }
    return null
  }

  /** A request is taken whole when the sender is within its rate; what was too much is waited for before the next one. */
  overRate(): Answer | null {
    const { settings, clock } = this.shared
    const bucket = this.#bucket
    const rate_max = settings.rate_max ?? 0
    if (bucket === undefined || takeToken(bucket, rate_max, clock.monotonic())) return null
    this.refuse('rate')
    return answers.busy('the sender is above its rate', (1 - bucket.tokens) / rate_max)
  }

  /** Hands the events over and settles with the answer when they are safe. */
  take(taking: Taking, events: number, commit_ms: number): Promise<Answer> {
    // One token was taken when the request began.
    if (this.#bucket !== undefined) this.#bucket.tokens -= events - 1
    return new Promise((resolve) => {
      const timer = this.shared.clock.after(commit_ms, () => {
        this.refuse('queue_full')
        resolve(answers.busy('the events are not on disk yet', RETRY_S))
      })
      taking.hand(this.origin, this.shared, (kept) => {
        timer.cancel()
        if (!kept) this.refuse('queue_full')
        resolve(kept ? answers.ingested(events) : answers.busy('no room on disk', RETRY_S))
      })
    })
  }

  #cut(reason: 'frame_timeout' | 'idle_timeout'): void {
    this.refused = true
    this.refuse(reason)
    // An answer that was written just now is let out.
    this.#socket.destroySoon()
  }
}

function ignore(): void {
  // An error is followed by `close`, which is where connections are let go of.
}
