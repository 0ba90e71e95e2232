/**
 * One RELP sender. Each `syslog` is answered when it is safe: at once where no `spool: always` forwarder takes it,
 * after the commit where one does. Reading stops while the sender has too much unanswered, does not read its answers,
 * is above `rate_max`, or memory or disk are behind; nothing is refused then, because a sender that waits loses nothing.
 *
 *   fresh ──open──► open ──close, our stop, a fault──► closing ──all answered──► ended
 *
 * A connection that closes answers what it has taken first, so that the sender does not send that again.
 */
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { FrameFlag } from '../framing/frames.ts'
import { answerOffers, RelpCommand, relpFrame } from '../relp/frames.ts'
import { type RelpFault, RelpReader, type RelpSink, trimmed } from '../relp/reader.ts'
import type { ConnectionShared } from './connection.ts'
import { ProxyWatch } from './proxy-watch.ts'
import type { Bucket } from './rates.ts'
import type { Reading } from './reading.ts'
import { RelpAnswers } from './relp-answers.ts'
import type { StreamPeer } from './stream-listener.ts'
import type { Origin } from './types.ts'

const NEVER = Number.POSITIVE_INFINITY
/** Unanswered transactions of one connection before reading stops; librelp itself stops at 128. */
const OWED_MAX = 8192
/** Answers that the sender has not read before its events are not read either. */
const UNREAD_MAX = 65_536
/** Bytes of offers that are looked at. */
const OFFERS_MAX = 4096
/** How long the other side has to close after our goodbye. */
const GOODBYE_MS = 2000

type Phase = 'fresh' | 'open' | 'closing' | 'ended'

/** See the module. */
export class RelpConnection implements StreamPeer, RelpSink {
  busy = false
  readonly #shared: ConnectionShared
  readonly #socket: Socket
  readonly #origin: Origin
  readonly #reader: RelpReader
  readonly #answers = new RelpAnswers()
  readonly #bucket: Bucket | undefined
  #phase: Phase = 'fresh'
  #paused = false
  /** Over `rate_max` until then. */
  #rested: Timer | undefined
  #read_at: number
  #frame_due = NEVER
  #frame = 0
  /** When a closing connection is given up. */
  #close_due = NEVER
  /** The transaction of the sender's `close`, answered last. */
  #close_txnr: number | undefined
  /** Frames were handed over in this read. */
  #taken = 0

  /** `bucket`: of all connections of the peer, undefined without `rate_max`. */
  constructor(shared: ConnectionShared, reading: Reading, origin: Origin, bucket: Bucket | undefined) {
    const { socket } = reading
    this.#shared = shared
    this.#socket = socket
    this.#origin = origin
    this.#reader = new RelpReader(shared.settings.frame_max, this)
    this.#read_at = shared.clock.monotonic()
    this.#bucket = bucket
    // Answers are small and waited for.
    socket.setNoDelay(true)
    reading.start((chunk) => this.#read(chunk))
    socket.on('drain', () => this.#goOn())
    socket.on('end', () => this.#gone())
    socket.on('error', () => this.#gone())
    socket.on('close', () => this.#gone())
    this.#hold()
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Also while answers are owed: a stopping listener waits for them. */
  get unfinished(): boolean {
    if (this.#phase === 'ended') return this.#socket.writableLength > 0
    return this.#answers.owed > 0
  }

  resume(): void {
    this.#goOn()
  }

  /** A stopping listener: nothing more is taken, what was taken is answered. What is not, the sender sends again. */
  finish(): void {
    this.#close()
  }

  destroy(): void {
    this.#gone()
    this.#socket.destroy()
  }

  /** What was not answered the sender sends again. */
  cut(): void {
    this.destroy()
  }

  check(now: number): void {
    const { frame_timeout, idle_timeout } = this.#shared.settings
    if (this.#phase === 'ended' || this.#phase === 'closing') {
      if (this.#close_due === NEVER) this.#close_due = now + frame_timeout
      else if (now >= this.#close_due) this.destroy()
    } else if (this.#paused) return
    else if (now >= this.#frame_due) {
      this.#shared.refusals.refuse('frame_timeout', this.#origin.peer)
      this.#close()
    } else if (idle_timeout !== null && this.#answers.owed === 0 && now - this.#read_at >= idle_timeout) {
      this.#shared.refusals.refuse('idle_timeout', this.#origin.peer)
      this.#close()
    }
  }

  /** RelpSink. */
  relp(txnr: number, command: RelpCommand, buf: Buffer, start: number, end: number, flags: number): void {
    // A hint, which is never answered. An event without a number could not be, and would be lost uncounted.
    if (txnr === 0 && command === RelpCommand.syslog) return this.#refuse('relp_protocol')
    if (txnr === 0) return
    if (command === RelpCommand.syslog && this.#phase === 'open') this.#take(txnr, buf, start, end, flags)
    else if (command === RelpCommand.open && this.#phase === 'fresh') this.#open(txnr, buf, start, end)
    else if (command === RelpCommand.close) {
      this.#close_txnr = txnr
      this.#close()
    } else if (command === RelpCommand.other && this.#phase === 'open') this.#answers.add(txnr, false)
    else this.#refuse('relp_protocol')
  }

  /** RelpSink. */
  fault(reason: RelpFault): void {
    this.#refuse(reason)
  }

  #take(txnr: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { intake, tally, refusals } = this.#shared
    const until = trimmed(buf, start, end)
    this.#answers.add(txnr, true)
    if (until === start) {
      refusals.refuse('empty', this.#origin.peer)
      return
    }
    if (this.#taken === 0) intake.expectAcknowledgement()
    this.#taken += 1
    if ((flags & FrameFlag.truncated) !== 0) tally.truncated(1)
    intake.frame(this.#origin, buf, start, until, flags)
  }

  #open(txnr: number, buf: Buffer, start: number, end: number): void {
    const answer = answerOffers(buf.toString('latin1', start, Math.min(end, start + OFFERS_MAX)))
    this.#socket.write(relpFrame(txnr, 'rsp', answer.data))
    this.#phase = 'open'
    if (!answer.accepted) this.#refuse('relp_protocol')
  }

  #refuse(reason: RelpFault | 'relp_protocol' | 'proxy_forged'): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    this.#shared.refusals.refuse(reason, this.#origin.peer)
    this.#close()
  }

  #read(chunk: Buffer): void {
    this.busy = true
    // Behind a goodbye only the sender's end matters; unread bytes would make our close a reset.
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    const reader = this.#reader
    const now = this.#shared.clock.monotonic()
    this.#read_at = now
    if (this.#phase === 'fresh' && !reader.unfinished && new ProxyWatch().push(chunk) === 'forged')
      return this.#refuse('proxy_forged')
    reader.push(chunk)
    this.#endRead()
    if (!reader.unfinished) this.#frame_due = NEVER
    else if (this.#frame_due === NEVER || reader.completed !== this.#frame) {
      this.#frame_due = now + this.#shared.settings.frame_timeout
      this.#frame = reader.completed
    }
    this.#hold()
  }

  #endRead(): void {
    const safe = this.#answers.endRead()
    const { intake } = this.#shared
    const taken = this.#taken
    this.#taken = 0
    if (taken === 0) {
      safe?.()
      this.#answer()
      return
    }
    this.#spend(taken)
    intake.acknowledge(this.#origin, (kept) => {
      if (!kept) {
        // It was dropped, by count. The sender has it and sends it again on its next connection.
        this.destroy()
        return
      }
      safe?.()
      this.#answer()
    })
  }

  /** Writes what may be answered; says goodbye when that was the last of a closing connection. */
  #answer(): void {
    if (this.#socket.destroyed) return
    const answers = this.#answers.take()
    if (answers !== undefined && this.#socket.writable) this.#socket.write(answers)
    if (this.#phase === 'closing' && this.#answers.owed === 0) this.#goodbye()
    else if (answers !== undefined) this.#goOn()
  }

  /** Takes nothing more. The frames of the read at hand that came before are still answered. */
  #close(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return
    this.#phase = 'closing'
    this.#reader.stop()
    this.#rested?.cancel()
    this.#paused = false
    this.#socket.resume()
    if (this.#answers.owed === 0) this.#goodbye()
  }

  #goodbye(): void {
    this.#phase = 'ended'
    this.#close_due = this.#shared.clock.monotonic() + GOODBYE_MS
    if (!this.#socket.writable) return
    if (this.#close_txnr !== undefined) this.#socket.write(relpFrame(this.#close_txnr, 'rsp', ''))
    this.#socket.end(relpFrame(0, 'serverclose', ''))
  }

  /** The other side has closed, or the connection broke. Who does not hear answers is owed none. */
  #gone(): void {
    if (this.#reader.unfinished) this.#shared.refusals.refuse('reset', this.#origin.peer)
    this.#reader.stop()
    this.#rested?.cancel()
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#close_due = this.#shared.clock.monotonic() + GOODBYE_MS
    this.#socket.end()
  }

  // ---- holding the sender up ---------------------------------------------------------------------

  get #mustWait(): boolean {
    const { intake } = this.#shared
    return (
      !intake.accepting ||
      !intake.acknowledging ||
      this.#rested !== undefined ||
      this.#answers.owed >= OWED_MAX ||
      this.#socket.writableLength > UNREAD_MAX
    )
  }

  #hold(): void {
    if (this.#paused || this.#phase === 'closing' || this.#phase === 'ended' || !this.#mustWait) return
    this.#paused = true
    this.#socket.pause()
  }

  /** Goes on reading if nothing is in the way. Time spent in a pause of ours is not held against the sender. */
  #goOn(): void {
    if (!this.#paused || this.#mustWait) return
    this.#paused = false
    const now = this.#shared.clock.monotonic()
    this.#read_at = now
    if (this.#reader.unfinished) this.#frame_due = now + this.#shared.settings.frame_timeout
    this.#socket.resume()
  }

  /** Takes `events` out of the bucket, below zero if need be; then the sender rests until it is made good. */
  #spend(events: number): void {
    const bucket = this.#bucket
    const { settings, clock } = this.#shared
    if (bucket === undefined || settings.rate_max === null) return
    const refill = ((this.#read_at - bucket.filled_at) * settings.rate_max) / 1000
    bucket.tokens = Math.min(settings.rate_max, bucket.tokens + refill) - events
    bucket.filled_at = this.#read_at
    if (bucket.tokens >= 0 || this.#rested !== undefined) return
    this.#rested = clock.after(Math.ceil((-bucket.tokens * 1000) / settings.rate_max), () => {
      this.#rested = undefined
      this.#goOn()
    })
  }
}
