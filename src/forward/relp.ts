/**
 * Syslog over RELP, plain and over TLS. A batch is delivered when each of its events was answered with 200; what is
 * not answered when the connection ends is sent again on the next one, so a receiver may see events twice.
 *
 *   idle ──data──► dialling ──► opening ──rsp──► open ──idle time──► idle
 *                     │            │              │ broken, silent, serverclose: the window goes back
 *                     └────────────┴──────────────┴─► waiting ──back-off──► idle
 *
 * There is one timer at most: for the answer to `open`, for answers to events, for the idle time, or the back-off.
 */
import type { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Timer } from '../base/clock.ts'
import type { Destination, DestinationState, DropReason, Lane } from '../queue/lane.ts'
import { clientOffers, firstLine, openObjection, RelpCommand, relpFrame } from '../relp/frames.ts'
import { RelpReader, type RelpSink } from '../relp/reader.ts'
import { Backoff } from './backoff.ts'
import { CertificateEnds } from './certificate-end.ts'
import { DialError, type Dialled, type StreamTarget } from './dial.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { relpFrames } from './encode/relp-frames.ts'
import { closeQuietly } from './hang-up.ts'
import { NameWatch } from './name-watch.ts'
import { PemWatch } from './pem-watch.ts'
import { RelpWindow } from './relp-window.ts'
import { inWords, Status } from './status.ts'
import { Targets } from './targets.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

/** Bytes that may wait for answers; one batch at least. */
const WINDOW_BYTES = 1_048_576
/** Bytes written in one turn of the event loop before other forwarders get theirs. */
const TURN_BYTES = 131_072
/** Bytes of an answer that are looked at. */
const ANSWER_MAX = 4096
/** Bytes that a receiver may send beyond {@link ANSWER_MAX} for each of its answers. */
const SAID_MAX = 1_048_576

type Dropped = Readonly<Partial<Record<DropReason, number>>>
type Phase = 'idle' | 'dialling' | 'opening' | 'open' | 'waiting' | 'stopped'

/** See the module. */
export class RelpDestination implements Destination, RelpSink {
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #forwarder: ForwarderTarget
  readonly #targets: Targets
  readonly #encoder: BatchEncoder
  readonly #resolver: Resolver
  readonly #status: Status
  readonly #backoff: Backoff
  readonly #ends: CertificateEnds
  readonly #window = new RelpWindow()
  readonly #watch: PemWatch
  readonly #names: NameWatch
  #phase: Phase = 'idle'
  #socket: Socket | undefined
  #reader: RelpReader | undefined
  #dialling: AbortController | undefined
  #timer: Timer | undefined
  /** The timer is that of the idle time. */
  #idling = false
  #turn: NodeJS.Immediate | undefined
  #stopping: Promise<void> | undefined
  /** A graceful stop waits for the last answers. */
  #onQuiet: (() => void) | undefined
  /** Number of the next transaction; that of the session's `open` is 1. */
  #next = 1
  #failure: string | undefined
  /** Monotonic milliseconds of the last answer, or of the first write after which none was missing. */
  #heard_at = 0
  /** Bytes that came and were no answer that we wait for. */
  #said = 0

  constructor(
    forwarder: ForwarderTarget,
    targets: readonly [StreamTarget, ...StreamTarget[]],
    lane: Lane,
    deps: ForwardDeps,
    shared: { readonly encoder: BatchEncoder; readonly resolver: Resolver },
  ) {
    this.#forwarder = forwarder
    const plain = targets.map((one) => ({ ...one, scheme: one.scheme === 'relp-tls' ? 'tls' : 'tcp' }))
    this.#targets = new Targets(plain, deps.clock)
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

  /** What is written is told to the lane. */
  readonly held_bytes = 0

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
    const [resolver, onSecure] = [this.#resolver, this.#ends.seen]
    const { clock, refuses } = this.#deps
    const options = { settings, clock, resolver, signal: abort.signal, onSecure, refuses }
    void this.#targets.dial(options).then(
      (dialled) => this.#dialled(dialled),
      (error: unknown) => {
        if (this.#phase !== 'dialling') return
        if (error instanceof DialError) this.#retry(error.step, error.message)
        else this.#retry('connect', inWords(error))
      },
    )
  }

  #dialled({ socket, host, address }: Dialled): void {
    if (this.#phase !== 'dialling') return closeQuietly(socket, this.#deps.clock)
    this.#names.connected(host, address)
    this.#phase = 'opening'
    this.#socket = socket
    this.#failure = undefined
    const reader = new RelpReader(ANSWER_MAX, this)
    this.#reader = reader
    socket.on('drain', () => this.#pump())
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#failure ??= inWords(error)
    })
    const ended = (): void => {
      if (this.#socket === socket) this.#lost('connection', 'the other side closed the connection')
    }
    socket.on('end', ended)
    socket.on('close', ended)
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return
      this.#said += chunk.length
      reader.push(chunk)
      if (this.#socket === socket) this.#answered()
      // One that never stops would have the time of all the others.
      if (this.#socket === socket && this.#said > SAID_MAX)
        this.#lost('protocol', 'it talks without end, and not in answers to what was sent')
    })
    socket.write(relpFrame(1, 'open', clientOffers()))
    this.#next = 2
    this.#said = 0
    this.#heard_at = this.#deps.clock.monotonic()
    this.#arm()
  }

  /** The session ended and we did not end it: what is not answered goes back, to be sent again. */
  #lost(step: string, why: string): void {
    const was = this.#phase
    const unsettled = this.#release()
    if (was === 'stopped') return
    // Receivers close quiet sessions, in order or not: nothing is lost, and the next batch connects again.
    if (was === 'open' && !unsettled && step === 'connection') {
      this.#targets.ended()
      this.#phase = 'idle'
      this.#seek()
      return
    }
    const said = this.#targets.named(this.#failure ?? why)
    this.#targets.broke()
    this.#retry(step, said)
  }

  /** Lets the socket go and gives the window back; whether there was something in it. */
  #release(): boolean {
    const socket = this.#socket
    this.#socket = undefined
    this.#reader?.stop()
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    this.#turn = undefined
    socket?.on('error', () => undefined)
    socket?.destroy()
    const batches = this.#window.clear()
    for (const batch of batches) this.#lane.giveBack(batch)
    this.#onQuiet?.()
    return batches.length > 0
  }

  #retry(step: string, why: string): void {
    this.#phase = 'waiting'
    this.#status.failing(step, why)
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

  // ---- answers -----------------------------------------------------------------------------------

  /** RelpSink. */
  relp(txnr: number, command: RelpCommand, buf: Buffer, start: number, end: number): void {
    if (command === RelpCommand.serverclose) return this.#lost('connection', 'the receiver ended the session')
    if (command !== RelpCommand.rsp) return
    if (this.#phase === 'opening') return this.#opened(txnr, buf.toString('utf8', start, end))
    const accepted =
      end - start >= 3 && buf[start] === 0x32 && buf[start + 1] === 0x30 && buf[start + 2] === 0x30
    if (!this.#window.answer(txnr, accepted)) return
    this.#said = Math.max(0, this.#said - ANSWER_MAX)
    this.#heard_at = this.#deps.clock.monotonic()
    if (!accepted) {
      const said = firstLine(buf.toString('utf8', start, end))
      this.#status.lost('refused', `the receiver refused an event: ${said}`)
    }
  }

  /** RelpSink. */
  fault(): void {
    this.#failure ??= 'what the other side says is no RELP'
    this.#lost('protocol', this.#failure)
  }

  #opened(txnr: number, answer: string): void {
    if (txnr !== 1) return
    const objection = openObjection(answer)
    if (objection !== null) return this.#lost('open', objection)
    this.#phase = 'open'
    this.#status.reached()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#heard_at = this.#deps.clock.monotonic()
    this.#pump()
  }

  /** All answers of a read are in: settles what is over. */
  #answered(): void {
    if (this.#phase !== 'open' && this.#phase !== 'stopped') return
    let settled = false
    for (let over = this.#window.shift(); over !== undefined; over = this.#window.shift()) {
      const { batch, ...lost } = over
      this.#lane.settle(batch, countsOf(lost))
      settled = true
    }
    if (settled) {
      this.#status.delivered()
      this.#backoff.reset()
    }
    if (this.#window.refused) return this.#lost('refused', 'the receiver refuses the events')
    if (this.#window.empty) this.#onQuiet?.()
    if (this.#phase === 'open') this.#pump()
  }

  // ---- writing -----------------------------------------------------------------------------------

  #pump(): void {
    const socket = this.#socket
    if (socket === undefined || this.#phase !== 'open' || this.#turn !== undefined) return
    let budget = TURN_BYTES
    this.#watch.look()
    this.#names.look()
    // New certificates, another address, or the first target's turn: what was sent is waited for, then the connection is made anew.
    const outdated = this.#watch.changed || this.#names.changed || this.#targets.overdue
    if (outdated && this.#window.empty) return this.#endSession(socket)
    const room = outdated ? 0 : WINDOW_BYTES
    while (this.#window.bytes < room && !socket.writableNeedDrain) {
      if (budget <= 0) {
        this.#turn = setImmediate(() => {
          this.#turn = undefined
          this.#pump()
        })
        break
      }
      const batch = this.#lane.lease()
      if (batch === undefined) break
      const frames = relpFrames(batch, this.#encoder, this.#next)
      const { unencodable, too_large } = frames
      if (frames.count === 0) {
        this.#lane.settle(batch, countsOf({ unencodable, too_large }))
        continue
      }
      this.#next = frames.next
      if (this.#window.unanswered === 0) this.#heard_at = this.#deps.clock.monotonic()
      this.#window.add(batch, frames)
      this.#lane.wrote(frames.bytes.length)
      budget -= frames.bytes.length
      const { length } = frames.bytes
      this.#lane.hold(length)
      socket.write(frames.bytes, () => this.#lane.hold(-length))
    }
    this.#arm()
  }

  // ---- the timer ---------------------------------------------------------------------------------

  /** One timer: one that comes too early looks and is set again; only that of the idle time can be too late. */
  #arm(): void {
    if (this.#socket === undefined) return
    const idle = this.#phase === 'open' && this.#window.empty
    if (this.#timer !== undefined) {
      if (!idle || this.#idling) return
      this.#timer.cancel()
    }
    this.#idling = idle
    const { connect, request } = this.#forwarder.settings.timeout
    const waits = this.#phase === 'opening' ? connect : request
    const after = idle ? this.#deps.idle : waits
    this.#timer = this.#deps.clock.after(after, () => {
      this.#timer = undefined
      this.#look()
    })
  }

  #look(): void {
    const socket = this.#socket
    if (socket === undefined) return
    const { connect, request } = this.#forwarder.settings.timeout
    const quiet = this.#deps.clock.monotonic() - this.#heard_at
    if (this.#phase === 'opening') {
      if (quiet >= connect) return this.#lost('open', `no answer to \`open\` within ${connect} ms`)
    } else if (!this.#window.empty) {
      if (quiet >= request) return this.#lost('answer', `no event was answered within ${request} ms`)
    } else if (quiet >= this.#deps.idle) return this.#endSession(socket)
    this.#arm()
  }

  /** Ends a session that owes nothing, and begins another if there is something to send. */
  #endSession(socket: Socket): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#hangUp(socket)
    this.#targets.ended()
    this.#phase = 'idle'
    this.#seek()
  }

  #hangUp(socket: Socket): void {
    this.#socket = undefined
    this.#reader?.stop()
    if (socket.writable) socket.write(relpFrame(this.#next, 'close', ''))
    closeQuietly(socket, this.#deps.clock)
  }

  async #shutDown(grace_ms: number): Promise<void> {
    const was = this.#phase
    this.#phase = 'stopped'
    this.#dialling?.abort()
    this.#timer?.cancel()
    this.#timer = undefined
    if (was === 'open' && !this.#window.empty && grace_ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#deps.clock.after(grace_ms, resolve)
        this.#onQuiet = () => {
          timer.cancel()
          resolve()
        }
      })
      this.#onQuiet = undefined
    }
    const socket = this.#socket
    if (socket !== undefined && was === 'open' && this.#window.empty) this.#hangUp(socket)
    this.#release()
    this.#status.stopped()
  }
}

/** What was lost, without what was not; undefined when nothing was. */
function countsOf(lost: Dropped): Dropped | undefined {
  const counts = Object.entries(lost).filter(([, events]) => events > 0)
  return counts.length === 0 ? undefined : Object.fromEntries(counts)
}
