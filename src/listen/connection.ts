/** One stream connection: bytes from the socket to the framer, frames to the intake, and the times it is held to. */
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { FrameFlag, type FrameFault, type FrameSink } from '../framing/frames.ts'
import { Framer } from '../framing/framer.ts'
import { ProxyWatch } from './proxy-watch.ts'
import { type Bucket, takeToken } from './rates.ts'
import type { Reading } from './reading.ts'
import type { Refusals } from './refusals.ts'
import type { Intake, ListenerTally, Origin } from './types.ts'
import type { StreamSettings } from './stream-settings.ts'
import type { Clock } from '../base/clock.ts'

/** What all connections of a listener share. */
export interface ConnectionShared {
  readonly settings: StreamSettings
  readonly intake: Intake
  readonly tally: ListenerTally
  readonly clock: Clock
  readonly refusals: Refusals
}

const NEVER = Number.POSITIVE_INFINITY

/** See the module. */
export class Connection implements FrameSink {
  /** Bytes have come since this was last set to false (a stopping listener asks). */
  busy = false

  readonly #shared: ConnectionShared
  readonly #socket: Socket
  readonly #origin: Origin
  readonly #framer: Framer
  /** Of all connections of the peer; undefined without `rate_max`. */
  readonly #bucket: Bucket | undefined
  /** Until its first bytes are known to be no PROXY header. */
  #watch: ProxyWatch | undefined = new ProxyWatch()
  #paused = false
  /** Monotonic milliseconds: of the read at hand or the last one, and when the unfinished frame is due. */
  #read_at: number
  #frame_due = NEVER
  /** `framer.completed` when that frame began. */
  #frame = 0
  #handed_over = false
  #ended = false

  constructor(shared: ConnectionShared, reading: Reading, origin: Origin, bucket?: Bucket) {
    const { socket } = reading
    this.#shared = shared
    this.#socket = socket
    this.#origin = origin
    const { settings } = shared
    const framing = 'framing' in settings ? settings.framing : 'auto'
    this.#framer = new Framer({ framing, frame_max: settings.frame_max }, this)
    this.#read_at = shared.clock.monotonic()
    this.#bucket = bucket
    reading.start((chunk) => this.#read(chunk))
    socket.on('end', () => this.#end('fin'))
    socket.on('error', () => this.#end('reset'))
    socket.on('close', () => this.#end('reset'))
    if (!shared.intake.accepting) this.pause()
  }

  get paused(): boolean {
    return this.#paused
  }

  get unfinished(): boolean {
    return this.#framer.unfinished
  }

  /** FrameSink. */
  frame(buf: Buffer, start: number, end: number, flags: number): void {
    const { tally, intake } = this.#shared
    if (this.#bucket !== undefined && !this.#withinRate(this.#bucket)) return
    if ((flags & FrameFlag.truncated) !== 0) tally.truncated(1)
    this.#handed_over = true
    intake.frame(this.#origin, buf, start, end, flags)
  }

  /** FrameSink. */
  leadingZeros(): void {
    this.#shared.tally.leadingZeros(1)
  }

  /** FrameSink. */
  fault(reason: FrameFault): void {
    this.#shared.refusals.refuseOf(this.#origin.source, reason, this.#origin.peer)
    this.#socket.destroy()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  /** Goes on reading. Time spent in a pause of ours is not held against the sender. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    const now = this.#shared.clock.monotonic()
    this.#read_at = now
    if (this.#framer.unfinished) this.#frame_due = now + this.#shared.settings.frame_timeout
    this.#socket.resume()
  }

  /** Closes the connection if a time it is held to has passed. */
  check(now: number): void {
    if (this.#paused || this.#ended) return
    const { idle_timeout } = this.#shared.settings
    if (now >= this.#frame_due) this.#close('frame_timeout')
    else if (idle_timeout !== null && now - this.#read_at >= idle_timeout) this.#close('idle_timeout')
  }

  /** Tells the sender to stop (FIN, with TLS close_notify first); what it has sent is still read. */
  finish(): void {
    this.#socket.end()
  }

  /** Ends it now; an unfinished frame is discarded and counted. */
  destroy(): void {
    this.#end('reset')
    this.#socket.destroy()
  }

  /** What the sender had on its way is lost with it: nobody can tell it. */
  cut(): void {
    this.#shared.refusals.refuseOf(this.#origin.source, 'closing', this.#origin.peer)
    this.destroy()
  }

  #read(chunk: Buffer): void {
    const framer = this.#framer
    const { intake, clock, settings } = this.#shared
    this.busy = true
    // One look at the clock a read: a look an event costs as much as framing it.
    const now = clock.monotonic()
    this.#read_at = now
    if (this.#watch !== undefined && this.#isForged(this.#watch, chunk)) return
    framer.push(chunk)
    if (this.#handed_over) {
      this.#handed_over = false
      intake.readDone(this.#origin)
    }
    if (!framer.unfinished) this.#frame_due = NEVER
    else if (this.#frame_due === NEVER || framer.completed !== this.#frame) {
      // The deadline is the frame's own: more bytes of the same frame do not renew it (R39).
      this.#frame_due = now + settings.frame_timeout
      this.#frame = framer.completed
    }
    if (!intake.accepting) this.pause()
  }

  /** A PROXY header here was written by somebody who may not: nothing behind it is believed, or an event. */
  #isForged(watch: ProxyWatch, chunk: Buffer): boolean {
    if (this.#ended) return true
    const seen = watch.push(chunk)
    if (seen === 'honest') this.#watch = undefined
    if (seen !== 'forged') return false
    this.#close('proxy_forged')
    return true
  }

  #end(kind: 'fin' | 'reset'): void {
    if (this.#ended) return
    this.#ended = true
    this.#framer.end(kind)
    if (this.#handed_over) {
      this.#handed_over = false
      this.#shared.intake.readDone(this.#origin)
    }
  }

  #close(reason: 'frame_timeout' | 'idle_timeout' | 'proxy_forged'): void {
    this.#ended = true
    this.#shared.refusals.refuseOf(this.#origin.source, reason, this.#origin.peer)
    if (reason === 'idle_timeout') this.#socket.destroySoon()
    else this.#socket.destroy()
  }

  #withinRate(bucket: Bucket): boolean {
    const { settings, refusals } = this.#shared
    if (takeToken(bucket, settings.rate_max ?? 0, this.#read_at)) return true
    refusals.refuseOf(this.#origin.source, 'rate', this.#origin.peer)
    return false
  }
}
