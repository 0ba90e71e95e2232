/**
 * Syslog over tcp and tls. Connects when there is something to send, writes whole batches, and keeps what it
 * wrote in flight until it may be called delivered: plain syslog has no acknowledgement.
 *
 *   idle ──data──► dialling ──► open ──idle time──► idle
 *                     │           │ broken: what is unsettled goes back, to be written again
 *                     └──────► waiting ──back-off──► idle
 *
 * There is one timer at most: the back-off, the settling of the window, or the idle time.
 */
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { errorCode } from '../base/errors.ts'
import type { Batch } from '../queue/batch.ts'
import type { Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Backoff } from './backoff.ts'
import { CertificateEnds } from './certificate-end.ts'
import { DialError, type Dialled, type StreamTarget } from './dial.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { closeQuietly, finish } from './hang-up.ts'
import { type KernelTcp, type KernelView, sharedKernelTcp } from './kernel-tcp.ts'
import { NameWatch } from './name-watch.ts'
import { ReplayWindow } from './replay-window.ts'
import { PemWatch } from './pem-watch.ts'
import { inWords, Status } from './status.ts'
import { Targets } from './targets.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

/** A written batch counts as delivered after this long with nothing outstanding in the socket. */
const QUIET_MS = 1000
/** How often the window is looked at while it holds something. */
const LOOK_MS = 500
/** A connection that held this long was a success: the next failure waits `retry.first` again (R55). */
const SUCCESS_MS = 30_000
/** After this long without a byte taken the state says so; after the second time the connection is given up. */
const STALL_MS = 10_000
const STALL_MAX_MS = 300_000
/** Sent again so often in vain: nobody is there. 6 s in a near network, as the system doubles its wait from 200 ms. */
const RETRANSMITS_MAX = 5
/** Bytes that a receiver may send between two looks. */
const SAID_MAX = 1_048_576
/** Bytes written in one turn of the event loop before other forwarders get theirs. */
const TURN_BYTES = 1_048_576
const TURN_ENCODED_BYTES = 131_072

type Phase = 'idle' | 'dialling' | 'open' | 'waiting' | 'stopped'

export class StreamDestination implements Destination {
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #forwarder: ForwarderTarget
  readonly #scheme: string
  readonly #targets: Targets
  readonly #kernel: KernelTcp
  readonly #encoder: BatchEncoder
  readonly #resolver: Resolver
  readonly #status: Status
  readonly #backoff: Backoff
  readonly #ends: CertificateEnds
  readonly #window = new ReplayWindow()
  #phase: Phase = 'idle'
  #socket: Socket | undefined
  #dialling: AbortController | undefined
  #timer: Timer | undefined
  #idling = false
  #stopping: Promise<void> | undefined
  /** `write` said stop, and `drain` has not come. */
  #blocked = false
  #pumping = false
  #again = false
  #turn: NodeJS.Immediate | undefined
  /** Bytes written on this connection. */
  #position = 0
  #opened_at = 0
  #wrote_at = 0
  /** How far the system had taken the bytes when it was last looked at, and when that moved. */
  #taken = 0
  #moved_at = 0
  #failure: Error | undefined
  /** Bytes that the other side sent since the timer looked last. */
  #said = 0
  #unwatch: (() => void) | undefined
  readonly #watch: PemWatch
  readonly #names: NameWatch

  constructor(
    forwarder: ForwarderTarget,
    targets: readonly [StreamTarget, ...StreamTarget[]],
    lane: Lane,
    deps: ForwardDeps,
    shared: { readonly encoder: BatchEncoder; readonly resolver: Resolver },
  ) {
    this.#forwarder = forwarder
    this.#scheme = targets[0].scheme
    this.#targets = new Targets(targets, deps.clock)
    this.#kernel = sharedKernelTcp(deps.clock)
    this.#lane = lane
    this.#deps = deps
    this.#encoder = shared.encoder
    this.#resolver = shared.resolver
    this.#status = new Status(forwarder.key, deps.clock, deps.log)
    this.#watch = new PemWatch(forwarder.settings.tls, targets[0].host, deps.clock, (why) =>
      this.#status.lost('certificates', why),
    )
    this.#names = new NameWatch(shared.resolver, deps.clock)
    this.#ends = new CertificateEnds(forwarder.key, forwarder.settings.tls.fingerprint !== null, deps)
    this.#backoff = new Backoff(forwarder.settings.retry, deps.random)
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  get held_bytes(): number {
    const socket = this.#socket
    if (socket === undefined) return 0
    // Untouched batches over tcp are lent to the socket, not copied: they are counted as in flight already.
    return this.#encoder.passes && this.#scheme === 'tcp' ? 0 : socket.writableLength
  }

  wake(): void {
    if (this.#phase === 'open') this.#pump()
    else if (this.#phase === 'idle') this.#seek()
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#shutDown(grace_ms)
    return this.#stopping
  }

  // ---- connecting --------------------------------------------------------------------------------

  /** Connects if there is something to send. */
  #seek(): void {
    const batch = this.#lane.lease()
    if (batch === undefined) return
    // Not kept over the connect: while it takes, the queue may spill or drop what waits.
    this.#phase = 'dialling'
    this.#lane.giveBack(batch)
    // Before the files are read: what changes in between is noticed.
    void this.#watch.mark()
    const abort = new AbortController()
    this.#dialling = abort
    const { settings } = this.#forwarder
    const { clock } = this.#deps
    const [resolver, onSecure] = [this.#resolver, this.#ends.seen]
    const { refuses } = this.#deps
    const options = { settings, clock, resolver, signal: abort.signal, onSecure, refuses }
    void this.#targets.dial(options).then(
      (dialled) => this.#opened(dialled),
      (error: unknown) => this.#refused(error),
    )
  }

  #refused(error: unknown): void {
    if (this.#phase !== 'dialling') return
    if (error instanceof DialError) this.#retry(error.step, error.message)
    else this.#retry('connect', inWords(error))
  }

  #opened({ socket, host, address }: Dialled): void {
    if (this.#phase !== 'dialling') {
      closeQuietly(socket, this.#deps.clock)
      return
    }
    const now = this.#deps.clock.monotonic()
    this.#names.connected(host, address)
    this.#socket = socket
    this.#unwatch = this.#kernel.watch(socket)
    this.#phase = 'open'
    this.#blocked = false
    this.#position = 0
    this.#taken = 0
    this.#failure = undefined
    this.#opened_at = now
    this.#wrote_at = now
    this.#moved_at = now
    this.#status.reached()
    socket.on('drain', () => this.#drained(socket))
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#failure ??= error
    })
    // A receiver has nothing to say; an end of its side is how it closes.
    socket.on('end', () => this.#lost(socket))
    socket.on('close', () => this.#lost(socket))
    this.#said = 0
    socket.on('data', (chunk: Buffer) => this.#heard(socket, chunk.length))
    this.#pump()
  }

  /** What it says is thrown away; one that never stops would have the time of all the others. */
  #heard(socket: Socket, bytes: number): void {
    this.#said += bytes
    if (this.#said <= SAID_MAX || this.#socket !== socket) return
    this.#failure ??= new Error('it talks without end, and a receiver has nothing to say')
    this.#lost(socket)
  }

  /** The connection ended and we did not end it. */
  #lost(socket: Socket): void {
    if (this.#socket !== socket || this.#phase !== 'open') return
    const why = this.#failure === undefined ? 'the other side closed the connection' : inWords(this.#failure)
    // Of ours, when it behaves badly, or the system's: a reset, or a keep-alive that nobody answers.
    const system = this.#failure === undefined || errorCode(this.#failure) !== undefined
    this.#release(socket)
    socket.destroy()
    const unsettled = this.#giveBack()
    // Receivers close quiet connections, in order or not: nothing is lost, and the next batch connects again. One that
    // closes as soon as it is connected is not quiet.
    const quiet = !unsettled && system
    if (!quiet || this.#deps.clock.monotonic() - this.#opened_at < QUIET_MS) {
      const said = this.#targets.named(why)
      this.#targets.broke()
      return this.#retry('connection', said)
    }
    this.#targets.ended()
    this.#phase = 'idle'
    this.#seek()
  }

  #release(socket: Socket): void {
    socket.removeAllListeners('drain')
    this.#socket = undefined
    this.#unwatch?.()
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    this.#turn = undefined
    if (this.#deps.clock.monotonic() - this.#opened_at >= SUCCESS_MS) this.#backoff.reset()
  }

  #retry(step: string, why: string): void {
    this.#phase = 'waiting'
    this.#status.failing(step, why)
    this.#timer?.cancel()
    this.#timer = this.#deps.clock.after(this.#backoff.next(), () => this.retryNow())
  }

  retryNow(): void {
    if (this.#phase === 'waiting') {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#phase = 'idle'
      this.#seek()
    }
    // Nothing waits for it (any more): what was wrong with the last connection is over.
    if (this.#phase === 'idle') this.#status.idle()
  }

  /** Everything unsettled goes back, oldest first. Whether there was something. */
  #giveBack(): boolean {
    const batches = this.#window.clear()
    for (const batch of batches) {
      batch.written = false
      this.#lane.giveBack(batch)
    }
    return batches.length > 0
  }

  // ---- writing -----------------------------------------------------------------------------------

  #pump(): void {
    if (this.#pumping) {
      this.#again = true
      return
    }
    this.#pumping = true
    do {
      this.#again = false
      this.#writeTurn()
      this.#settle(Number.NEGATIVE_INFINITY)
    } while (this.#again && !this.#blocked)
    this.#pumping = false
    if (this.#phase === 'open' && !this.#renewed()) this.#arm()
  }

  #writeTurn(): void {
    const socket = this.#socket
    if (socket === undefined || this.#turn !== undefined) return
    let budget = this.#encoder.passes ? TURN_BYTES : TURN_ENCODED_BYTES
    this.#watch.look()
    this.#names.look()
    while (!this.#blocked && this.#phase === 'open') {
      // New certificates, another address, or the first target's turn: what is written is waited for, then the connection is made anew.
      if (this.#outdated) return
      if (budget <= 0) {
        this.#turn = setImmediate(() => {
          this.#turn = undefined
          this.#pump()
        })
        return
      }
      const batch = this.#lane.lease()
      if (batch === undefined) return
      budget -= this.#write(socket, batch)
    }
  }

  /** Writes one batch; the bytes of it. */
  #write(socket: Socket, batch: Batch): number {
    const encoded = this.#encoder.encode(batch)
    const bytes = encoded.bytes.length
    const dropped = encoded.unencodable === 0 ? undefined : { unencodable: encoded.unencodable }
    if (bytes === 0) {
      this.#lane.settle(batch, dropped)
      return 0
    }
    this.#position += bytes
    this.#wrote_at = this.#deps.clock.monotonic()
    batch.written = true
    this.#window.add(batch, bytes, this.#position, this.#wrote_at, dropped)
    this.#lane.wrote(bytes)
    const more =
      this.#forwarder.settings.replay === 0
        ? socket.write(encoded.bytes, this.#onTaken)
        : socket.write(encoded.bytes)
    if (!more) this.#blocked = true
    return bytes
  }

  readonly #onTaken = (error?: Error | null): void => {
    if ((error === undefined || error === null) && this.#phase === 'open')
      this.#settle(Number.NEGATIVE_INFINITY)
  }

  #drained(socket: Socket): void {
    if (this.#socket !== socket) return
    this.#blocked = false
    this.#pump()
  }

  /** Settles what may be: all written up to `before` (monotonic), and the oldest above the window's cap. */
  #settle(before: number): void {
    const socket = this.#socket
    if (socket === undefined || this.#window.length === 0) return
    const taken = this.#position - socket.writableLength
    const cap = Math.min(
      this.#forwarder.settings.replay,
      this.#deps.replayMax?.() ?? Number.POSITIVE_INFINITY,
    )
    let item = this.#window.shift(taken, before, cap)
    if (item !== undefined) this.#status.delivered()
    while (item !== undefined) {
      this.#lane.settle(item.batch, item.dropped)
      item = this.#window.shift(taken, before, cap)
    }
  }

  // ---- the timer ---------------------------------------------------------------------------------

  /** One timer: for the idle time while nothing is unsettled, else to look at the window. */
  #arm(): void {
    const idle = this.#window.length === 0
    if (this.#timer !== undefined) {
      // A timer that comes too early looks and is set again; only the idle one can be too late.
      if (idle || !this.#idling) return
      this.#timer.cancel()
    }
    this.#idling = idle
    this.#timer = this.#deps.clock.after(idle ? this.#deps.idle : LOOK_MS, () => {
      this.#timer = undefined
      this.#look()
    })
  }

  #look(): void {
    const socket = this.#socket
    if (socket === undefined) return
    const now = this.#deps.clock.monotonic()
    this.#said = 0
    if (this.#window.length === 0) {
      if (now - this.#wrote_at >= this.#deps.idle) return this.#hangUp(socket)
    } else {
      const kernel = this.#view(socket)
      if (kernel !== undefined && kernel.retransmits >= RETRANSMITS_MAX) {
        this.#failure = new Error(`nobody confirms ${kernel.unconfirmed} bytes that were written`)
        return this.#lost(socket)
      }
      const unconfirmed = kernel?.unconfirmed ?? 0
      if (socket.writableLength + unconfirmed === 0) {
        const before = this.#window.length
        this.#settle(Math.min(now - QUIET_MS, kernel?.at ?? now))
        if (this.#window.length < before) this.#backoff.reset()
        this.#moved_at = now
      } else if (this.#stalled(this.#position - socket.writableLength - unconfirmed, now)) {
        this.#failure = new Error(`it took nothing for ${STALL_MAX_MS / 1000} s`)
        return this.#lost(socket)
      }
    }
    if (this.#phase === 'open' && !this.#renewed()) this.#arm()
  }

  /** What the system knows of this connection; undefined when it says nothing, or nothing yet. */
  #view(socket: Socket): KernelView | undefined {
    const view = this.#kernel.look(socket)
    return view === undefined || view.at <= this.#opened_at ? undefined : view
  }

  get #outdated(): boolean {
    return this.#watch.changed || this.#names.changed || this.#targets.overdue
  }

  /** With new certificate files, for another address of the name or the first target, a connection that nothing waits for any more ends, and the next is made. */
  #renewed(): boolean {
    if (!this.#outdated || this.#window.length > 0 || this.#socket === undefined) return false
    this.#hangUp(this.#socket)
    return true
  }

  /** Whether a peer that takes nothing has had its time. Says in the status when it begins. */
  #stalled(taken: number, now: number): boolean {
    if (taken !== this.#taken) {
      this.#taken = taken
      this.#moved_at = now
      return false
    }
    const quiet = now - this.#moved_at
    if (quiet >= STALL_MS) {
      this.#status.failing('write', `the other side has taken nothing for ${Math.floor(quiet / 1000)} s`)
    }
    return quiet >= STALL_MAX_MS
  }

  /** Idle: nothing is unsettled, so closing costs nothing. */
  #hangUp(socket: Socket): void {
    this.#release(socket)
    this.#targets.ended()
    this.#phase = 'idle'
    closeQuietly(socket, this.#deps.clock)
    this.#seek()
  }

  async #shutDown(grace_ms: number): Promise<void> {
    this.#phase = 'stopped'
    this.#dialling?.abort()
    this.#timer?.cancel()
    const socket = this.#socket
    if (socket !== undefined) {
      const clean = await finish(socket, this.#deps.clock, grace_ms)
      const quiet = clean ? Number.POSITIVE_INFINITY : this.#deps.clock.monotonic() - QUIET_MS
      if (clean || socket.writableLength === 0) this.#settle(quiet)
      this.#release(socket)
      socket.destroy()
      this.#giveBack()
    }
    this.#status.stopped()
  }
}
