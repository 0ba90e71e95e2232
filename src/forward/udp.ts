/**
 * Syslog over UDP (RFC 5426): one event a datagram, best effort. A batch is settled when the system has
 * answered for each of its datagrams; what it refused is counted. Nothing is leased while the name has no
 * address. The socket is connected, so that a port where nobody listens shows as `send_error`.
 */
import type { Buffer } from 'node:buffer'
import { createSocket, type Socket } from 'node:dgram'
import { isIP } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { errorCode } from '../base/errors.ts'
import type { Batch } from '../queue/batch.ts'
import type { Destination, DestinationState, Lane } from '../queue/lane.ts'
import { Backoff } from './backoff.ts'
import type { BatchEncoder } from './encode/batch-encoder.ts'
import { NameWatch } from './name-watch.ts'
import { inWords, Status } from './status.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

/** The largest datagram: 65,535 less the headers of IPv4 and UDP. */
const DATAGRAM_MAX = 65_507
/** Datagrams given to the system and not answered for. */
const SENDS_MAX = 512
/** Datagrams sent in one turn of the event loop (2 ms at worst). */
const TURN_SENDS = 256

export interface UdpTarget {
  readonly host: string
  readonly port: number
}

type Phase = 'idle' | 'opening' | 'open' | 'waiting' | 'stopped'

/** A batch on its way out. */
class Job {
  readonly batch: Batch
  /** Null: the events stand in the batch's payload as they are. */
  readonly encoded: Buffer | null
  readonly ends: Uint32Array | null
  next = 0
  pending = 0
  too_large = 0
  unencodable = 0
  send_error = 0
  /** The network took no datagram of it any more: all of it is sent again. */
  failed = false

  constructor(batch: Batch, encoder: BatchEncoder) {
    this.batch = batch
    this.ends = encoder.passes ? null : new Uint32Array(batch.events)
    this.encoded = this.ends === null ? null : encoder.encodeApart(batch, this.ends)
  }

  get over(): boolean {
    return this.next === this.batch.events && this.pending === 0
  }
}

export class UdpDestination implements Destination {
  readonly #forwarder: ForwarderTarget
  readonly #target: UdpTarget
  readonly #lane: Lane
  readonly #deps: ForwardDeps
  readonly #encoder: BatchEncoder
  readonly #resolver: Resolver
  readonly #status: Status
  readonly #backoff: Backoff
  readonly #names: NameWatch
  readonly #jobs = new Set<Job>()
  #phase: Phase = 'idle'
  #socket: Socket | undefined
  #timer: Timer | undefined
  #turn: NodeJS.Immediate | undefined
  /** The batch that is being sent. */
  #job: Job | undefined
  #pending = 0
  #used_at = 0
  /** Which of the name's addresses is used. */
  #at = 0
  /** Why the network takes nothing. */
  #failed: string | undefined
  #stopping: Promise<void> | undefined
  #onQuiet: (() => void) | undefined

  constructor(
    forwarder: ForwarderTarget,
    target: UdpTarget,
    lane: Lane,
    deps: ForwardDeps,
    shared: { readonly encoder: BatchEncoder; readonly resolver: Resolver },
  ) {
    this.#forwarder = forwarder
    this.#target = target
    this.#lane = lane
    this.#deps = deps
    this.#encoder = shared.encoder
    this.#resolver = shared.resolver
    this.#status = new Status(forwarder.key, deps.clock, deps.log)
    this.#names = new NameWatch(shared.resolver, deps.clock)
    this.#backoff = new Backoff(forwarder.settings.retry, deps.random)
  }

  get state(): DestinationState {
    return this.#status.state
  }

  get last_error(): string | null {
    return this.#status.last_error
  }

  get held_bytes(): number {
    let bytes = 0
    for (const job of this.#jobs) bytes += job.encoded?.length ?? 0
    return bytes
  }

  wake(): void {
    if (this.#phase === 'open' && this.#turn === undefined) this.#pump()
    else if (this.#phase === 'idle') this.#seek()
  }

  stop(grace_ms: number): Promise<void> {
    this.#stopping ??= this.#shutDown(grace_ms)
    return this.#stopping
  }

  // ---- opening -----------------------------------------------------------------------------------

  #seek(): void {
    const batch = this.#lane.lease()
    if (batch === undefined) return
    this.#phase = 'opening'
    this.#lane.giveBack(batch)
    void this.#open().then(
      (socket) => this.#opened(socket),
      (error: unknown) => {
        if (this.#phase === 'opening') this.#retry('open', inWords(error))
      },
    )
  }

  async #open(): Promise<Socket> {
    const addresses = await this.#resolver.resolve(this.#target.host)
    const address = addresses[this.#at % addresses.length]
    if (address === undefined) throw new Error(`the name ${this.#target.host} has no address`)
    const { host, port } = this.#target
    const refusal = this.#deps.refuses?.({ host, address, port, udp: true }) ?? null
    if (refusal !== null) {
      this.#at += 1
      throw new Error(`${address}: ${refusal}`)
    }
    this.#names.connected(host, address)
    const from = this.#forwarder.settings.from_address
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4')
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        socket.close()
        reject(error)
      }
      const connect = (): void => {
        socket.connect(this.#target.port, address, (error?: Error | null) => {
          socket.removeListener('error', fail)
          if (error === undefined || error === null) resolve(socket)
          else fail(error)
        })
      }
      socket.once('error', fail)
      if (from === null) connect()
      else socket.bind({ address: from, port: 0 }, connect)
    })
  }

  #opened(socket: Socket): void {
    // Errors of sends come to their callbacks; what else there is says how it is there, and nothing about an event.
    socket.on('error', (error) => {
      if (this.#socket !== socket) return
      const why = inWords(error)
      this.#status.failing('send', why)
      if (this.#named) this.#next(why)
    })
    if (this.#phase !== 'opening') {
      socket.close()
      return
    }
    this.#socket = socket
    this.#phase = 'open'
    this.#used_at = this.#deps.clock.monotonic()
    this.#status.reached()
    this.#pump()
  }

  #retry(step: string, why: string): void {
    this.#closeSocket()
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
    // Nobody answers: without an event that goes out now, that it is well again would never show.
    if (this.#phase === 'idle' || (this.#phase === 'open' && this.#jobs.size === 0)) this.#status.idle()
  }

  #closeSocket(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#turn !== undefined) clearImmediate(this.#turn)
    this.#turn = undefined
    this.#socket?.close()
    this.#socket = undefined
  }

  // ---- sending -----------------------------------------------------------------------------------

  #pump(): void {
    const socket = this.#socket
    if (socket === undefined || this.#phase !== 'open') return
    let budget = TURN_SENDS
    while (budget > 0 && this.#pending < SENDS_MAX && this.#failed === undefined) {
      this.#job ??= this.#lease()
      const job = this.#job
      if (job === undefined) break
      while (job.next < job.batch.events && budget > 0 && this.#pending < SENDS_MAX) {
        this.#send(socket, job)
        budget -= 1
      }
      if (job.next < job.batch.events) break
      this.#job = undefined
      this.#end(job)
    }
    if (this.#failed !== undefined) return this.#breakOff(this.#failed)
    if (this.#pending < SENDS_MAX && budget <= 0) this.#yield()
    else if (this.#jobs.size === 0) this.#rest()
  }

  #lease(): Job | undefined {
    this.#names.look()
    // There is no connection that would break: what is on its way goes to the old address, then the new one has its turn.
    if (this.#names.changed) return undefined
    const batch = this.#lane.lease()
    if (batch === undefined) return undefined
    const job = new Job(batch, this.#encoder)
    this.#jobs.add(job)
    return job
  }

  #send(socket: Socket, job: Job): void {
    const n = job.next
    job.next += 1
    const { encoded, ends, batch } = job
    const start = ends === null ? batch.offset(n) : n === 0 ? 0 : (ends[n - 1] as number)
    const length = ends === null ? batch.length(n) : (ends[n] as number) - start
    if (length === 0) job.unencodable += 1
    else if (length > DATAGRAM_MAX) job.too_large += 1
    else {
      job.pending += 1
      this.#pending += 1
      socket.send(encoded ?? batch.payload, start, length, (error, bytes) =>
        this.#answered(job, error, bytes),
      )
    }
  }

  #answered(job: Job, error: Error | null, bytes: number): void {
    job.pending -= 1
    this.#pending -= 1
    if (error === null) this.#lane.wrote(bytes)
    else if (errorCode(error) === 'EMSGSIZE') job.too_large += 1
    else {
      const why = inWords(error)
      this.#status.failing('send', why)
      // Nobody listens at an address that was written down: the next may be there again. Else the batch waits, and what follows it.
      if (errorCode(error) === 'ECONNREFUSED' && !this.#named) job.send_error += 1
      else {
        job.failed = true
        this.#next(why)
      }
    }
    this.#end(job)
    if (this.#phase === 'open' && this.#pending < SENDS_MAX / 2) this.#yield()
  }

  get #named(): boolean {
    return isIP(this.#target.host) === 0
  }

  /** What is on its way is waited for; then, after a wait, the name is asked again and another of its addresses tried. */
  #next(why: string): void {
    if (this.#failed === undefined) this.#at += 1
    this.#failed = why
    this.#yield()
  }

  #end(job: Job): void {
    if (!job.over || !this.#jobs.delete(job)) return
    if (job.failed) {
      this.#lane.giveBack(job.batch)
      if (this.#jobs.size === 0) this.#onQuiet?.()
      return
    }
    const { too_large, unencodable, send_error } = job
    if (too_large > 0)
      this.#status.lost('too_large', `${too_large} events were larger than a datagram can be`)
    if (send_error === 0 && too_large + unencodable < job.batch.events) {
      this.#backoff.reset()
      this.#status.delivered()
    }
    const whole = too_large + unencodable + send_error === 0
    if (whole) this.#lane.settle(job.batch)
    else this.#lane.settle(job.batch, { too_large, unencodable, send_error })
    if (this.#jobs.size === 0) this.#onQuiet?.()
  }

  #yield(): void {
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined
      this.#pump()
    })
  }

  /** The network is gone: nothing more of the batch at hand is sent, and when all answers are in, everything waits. */
  #breakOff(why: string): void {
    const half = this.#job
    this.#job = undefined
    if (half !== undefined) {
      half.next = half.batch.events
      half.failed = true
      this.#end(half)
    }
    if (this.#jobs.size > 0) return
    this.#failed = undefined
    this.#retry('send', why)
  }

  /** Nothing to do: closes the socket after the idle time, and when the name has moved. */
  #rest(): void {
    this.#used_at = this.#deps.clock.monotonic()
    if (this.#names.changed) return this.#park()
    if (this.#timer !== undefined) return
    this.#armIdle(this.#deps.idle)
  }

  #armIdle(ms: number): void {
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined
      if (this.#phase !== 'open') return
      const left = this.#used_at + this.#deps.idle - this.#deps.clock.monotonic()
      if (left > 0 || this.#jobs.size > 0) this.#armIdle(Math.max(left, 1000))
      else this.#park()
    })
  }

  #park(): void {
    this.#closeSocket()
    this.#phase = 'idle'
    this.#seek()
  }

  async #shutDown(grace_ms: number): Promise<void> {
    this.#phase = 'stopped'
    this.#timer?.cancel()
    const left = this.#job
    this.#job = undefined
    if (left !== undefined) {
      // Half-sent: what went out is sent again, which UDP's receivers must bear anyway.
      this.#jobs.delete(left)
      left.batch.borrowed ||= left.pending > 0
      this.#lane.giveBack(left.batch)
    }
    if (this.#jobs.size > 0) await this.#quiet(grace_ms)
    for (const job of this.#jobs) {
      // The system may still be reading it: another tenant's events must never come to stand there.
      job.batch.borrowed = true
      this.#lane.giveBack(job.batch)
    }
    this.#jobs.clear()
    this.#closeSocket()
    this.#status.stopped()
  }

  #quiet(grace_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.after(grace_ms, resolve)
      this.#onQuiet = () => {
        timer.cancel()
        resolve()
      }
    })
  }
}
