/**
 * UDP: one datagram, one frame. A listener has one socket, and one more for each of its busiest senders (`udp-flow.ts`).
 * Datagrams are copied to one place first, so that everything behind sees the same buffer again and again.
 */
import type { Buffer } from 'node:buffer'
import dgram, { type Socket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { Timer } from '../base/clock.ts'
import { errorText } from '../base/errors.ts'
import type { UdpListenerSettings } from '../config/types.ts'
import { Admission } from './admission.ts'
import { bindError } from './bind-errors.ts'
import { datagramEnd, datagramFlags } from './datagram.ts'
import { KernelDrops } from './kernel-drops.ts'
import { PeerTable, type Remembered } from './peer-table.ts'
import { plainAddress } from './prefixes.ts'
import { type Bucket, newBucket, takeToken } from './rates.ts'
import { Refusals } from './refusals.ts'
import type { Listener, ListenerDeps, Origin, RefuseReason } from './types.ts'
import { afterBacklog, datagramsIn } from './udp-backlog.ts'
import { flowWays } from './udp-flow-ways.ts'
import { FLOW_BUFFER_LEAST, UdpFlow } from './udp-flow.ts'
import { datagram, udpHandle } from './udp-handle.ts'

const TICK_MS = 1000
/** How often a stopping listener looks whether something came. */
const LOOK_MS = 25
/** So many datagrams in a row from one port of a peer within such a while: it is busy. */
export const BUSY_RUN = 256
const BUSY_WITHIN_MS = 50
/** Sockets of their own, at most, and the seconds of silence after which one makes room for another. */
const FLOWS_MAX = 16
const FLOW_SILENCE = 60

const datagram_words = new Uint32Array(datagram.buffer)

/** What is known of a peer. */
interface Peer extends Remembered {
  readonly origin: Origin
  /** Why nothing is taken from it, or null. */
  readonly refused: RefuseReason | null
  readonly bucket: Bucket | null
  /** The port that sent last, how often in a row, and since when (monotonic). */
  port: number
  run: number
  run_since: number
  /** Ways to a socket of its own that did not work. */
  failed_ways: number
}

/** See the module. */
export class UdpListener implements Listener {
  readonly name: string
  readonly #settings: UdpListenerSettings
  readonly #index: number
  readonly #deps: ListenerDeps
  readonly #admission: Admission
  readonly #refusals: Refusals
  readonly #peers: PeerTable<Peer>
  readonly #socket_options: dgram.SocketOptions & { readonly type: 'udp4' | 'udp6' }
  #socket: Socket
  readonly #flows = new Map<UdpFlow, Peer>()
  #with_flows = false
  /** Monotonic time of the turn at hand; 0: not asked for yet. */
  #now = 0
  #in_turn = false
  /** Datagrams that came by the listener's own socket. */
  #taken = 0
  #port = 0
  #timer: Timer | undefined
  #drops: KernelDrops | undefined
  #stopping: Promise<void> | undefined
  /** Of the stop: when it ends in any case (monotonic ms), and how long nothing may have come. */
  #until = Number.POSITIVE_INFINITY
  #quiet = Number.POSITIVE_INFINITY
  /** What the kernel held of all datagrams so far, about; refused ones too. */
  #came = 0

  constructor(settings: UdpListenerSettings, index: number, deps: ListenerDeps) {
    this.name = settings.name
    this.#settings = settings
    this.#index = index
    this.#deps = deps
    this.#admission = new Admission(settings, deps.sources)
    this.#refusals = new Refusals(settings.name, deps.tally, deps.clock, deps.log, (peer) =>
      this.#admission.sourceOf(peer),
    )
    this.#peers = new PeerTable(settings.peers_max)
    this.#socket_options = {
      type: isIPv6(settings.host) ? 'udp6' : 'udp4',
      ipv6Only: false,
      recvBufferSize: settings.receive_buffer,
    }
    this.#socket = dgram.createSocket({ ...this.#socket_options, reusePort: deps.reuse_port })
  }

  get address(): Listener['address'] {
    return { host: this.#settings.host, port: this.#port }
  }

  /** @throws LogweirError in one sentence when the address cannot be bound. */
  async bind(): Promise<void> {
    await this.#bindTo(this.#settings.port)
    this.#port = this.#socket.address().port
    this.#checkBuffer()
    this.#with_flows = this.#granted() >= FLOW_BUFFER_LEAST && udpHandle(this.#socket) !== undefined
    if (this.#with_flows && !this.#deps.reuse_port) await this.#letFlowsJoin()
    this.#socket.on('message', (message, { address, port }) => {
      this.#taken++
      this.#take(message, address, port)
    })
    this.#socket.on('error', (error) =>
      this.#deps.log('error', 'a listener failed', { listener: this.name, error: error.message }),
    )
    const shared = this.#deps.reuse_port ? this.#deps.workers : 1
    this.#drops = new KernelDrops(this.#settings.host, this.#port, shared)
    this.#tick()
  }

  async #bindTo(port: number): Promise<void> {
    const socket = this.#socket
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => {
        socket.close()
        reject(bindError(this.#settings, error))
      }
      socket.once('error', failed)
      socket.bind({ address: this.#settings.host, port, exclusive: true }, () => {
        socket.off('error', failed)
        resolve()
      })
    })
  }

  /**
   * Binds again so that sockets of this user may share the port. Only now: a bind that shares would not notice that
   * somebody else has the port, nor would port 0 be sure to find one that is free.
   */
  async #letFlowsJoin(): Promise<void> {
    await closed(this.#socket)
    this.#socket = dgram.createSocket({ ...this.#socket_options, reusePort: true })
    await this.#bindTo(this.#port)
  }

  stop(grace_ms: number, quiet_ms = 0): Promise<void> {
    this.#until = Math.min(this.#until, this.#deps.clock.monotonic() + grace_ms)
    this.#quiet = Math.min(this.#quiet, quiet_ms)
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #take(message: Buffer, address: string, port: number): void {
    const peer = this.#peers.get(address) ?? this.#meet(address)
    if (this.#with_flows) this.#watchRun(peer, address, port)
    if (!this.#in_turn) {
      this.#in_turn = true
      setImmediate(() => this.#turnDone(peer))
    }
    if (peer.refused === null) datagram.set(message)
    this.#frame(peer, message.length)
  }

  /** What lies in `datagram`. */
  #frame(peer: Peer, bytes: number): void {
    const { origin, bucket } = peer
    this.#came++
    if (peer.refused !== null) return this.#refusals.refuseOf(origin.source, peer.refused, origin.peer)
    const end = datagramEnd(datagram, bytes)
    if (end === 0) return this.#refusals.refuseOf(origin.source, 'empty', origin.peer)
    const { intake, clock } = this.#deps
    if (bucket !== null) {
      if (this.#now === 0) this.#now = clock.monotonic()
      if (!takeToken(bucket, this.#settings.rate_max ?? 0, this.#now)) {
        return this.#refusals.refuseOf(origin.source, 'rate', origin.peer)
      }
    }
    if (!intake.accepting) return this.#refusals.refuseOf(origin.source, 'queue_full', origin.peer)
    intake.frame(origin, datagram, 0, end, datagramFlags(datagram, datagram_words, end))
  }

  /** Clocks are looked at once a turn of the event loop, not once a datagram. */
  #turnDone(peer: Peer): void {
    this.#in_turn = false
    this.#now = 0
    this.#deps.intake.readDone(peer.origin)
  }

  #watchRun(peer: Peer, address: string, port: number): void {
    if (peer.port !== port) {
      peer.port = port
      peer.run = 0
    }
    if (peer.run === 0) peer.run_since = this.#deps.clock.monotonic()
    peer.run++
    if (peer.run < BUSY_RUN) return
    peer.run = 0
    if (peer.refused !== null) return
    if (this.#deps.clock.monotonic() - peer.run_since <= BUSY_WITHIN_MS) this.#busy(peer, address, port)
  }

  #busy(peer: Peer, address: string, port: number): void {
    if (this.#stopping !== undefined) return
    for (const flow of this.#flows.keys()) {
      if (flow.port === port && flow.address === address) return flow.busy()
    }
    const way = flowWays(this.#socket_options.type, this.#socket.address().address, address)[peer.failed_ways]
    if (way === undefined || !this.#roomForFlow()) return
    const flow = new UdpFlow(address, port, {
      port: this.#port,
      buffer: this.#settings.receive_buffer,
      way,
      clock: this.#deps.clock,
      afterOthers: (act) => this.#afterBacklog(act),
      message: (message, from, from_port) => this.#take(message, from, from_port),
      taken: (bytes) => this.#frame(peer, bytes),
      turnDone: () => this.#turnDone(peer),
      changed: () => this.#drops?.changed(),
      turned: (turned, plain) => this.#flowTurned(turned, plain),
      failed: (failed, error) => this.#flowFailed(failed, error),
    })
    this.#flows.set(flow, peer)
    flow.open()
  }

  #afterBacklog(act: () => void): void {
    afterBacklog(() => this.#taken, datagramsIn(this.#socket.getRecvBufferSize()), act)
  }

  /** Closes the flow that is silent for longest when there are too many; false: all of them are in use. */
  #roomForFlow(): boolean {
    if (this.#flows.size < FLOWS_MAX) return true
    const [silent] = [...this.#flows.keys()].sort((a, b) => b.silent_ticks - a.silent_ticks)
    if (silent === undefined || silent.silent_ticks < FLOW_SILENCE) return false
    this.#flows.delete(silent)
    void silent.close()
    return true
  }

  #flowTurned({ address, port }: UdpFlow, plain: boolean): void {
    const fields = { listener: this.name, peer: address, port }
    const message = plain ? 'a busy sender has a socket of its own' : 'a busy sender is busy no more'
    this.#deps.log('debug', message, fields)
  }

  #flowFailed(flow: UdpFlow, error: unknown): void {
    const peer = this.#flows.get(flow)
    this.#flows.delete(flow)
    if (peer !== undefined) peer.failed_ways++
    const fields = { listener: this.name, peer: flow.address, error: errorText(error) }
    this.#deps.log('debug', 'a busy sender goes on without a socket of its own', fields)
  }

  #meet(address: string): Peer {
    const plain = plainAddress(address)
    const source = this.#admission.admit(plain)
    const { rate_max } = this.#settings
    const peer: Peer = {
      origin: {
        listener: this.#index,
        peer: plain,
        source: typeof source === 'number' ? source : this.#admission.sourceOf(plain),
      },
      refused: typeof source === 'number' ? null : source,
      bucket: rate_max === null ? null : newBucket(rate_max, this.#deps.clock.monotonic()),
      recent: false,
      port: 0,
      run: 0,
      run_since: 0,
      failed_ways: 0,
    }
    this.#peers.set(address, peer)
    return peer
  }

  /** Linux doubles what it grants for its own bookkeeping, and answers that. */
  #granted(): number {
    return Math.floor(this.#socket.getRecvBufferSize() / 2)
  }

  #checkBuffer(): void {
    const asked = this.#settings.receive_buffer
    const granted = this.#granted()
    const fields = { listener: this.name, asked, granted }
    if (granted >= asked) return this.#deps.log('debug', 'receive buffer granted', fields)
    this.#deps.log('warn', 'the kernel grants a smaller receive buffer than asked: bursts may be lost', {
      ...fields,
      rmem_max: readRmemMax(),
      mend: `sysctl -w net.core.rmem_max=${asked}`,
    })
  }

  #tick(): void {
    this.#timer = this.#deps.clock.after(TICK_MS, () => {
      this.#countDrops()
      for (const flow of this.#flows.keys()) flow.tick()
      this.#tick()
    })
  }

  #countDrops(): void {
    const drops = this.#drops?.read() ?? 0
    if (drops > 0) this.#deps.tally.kernelDrops(drops)
  }

  /** What lies in the sockets was sent in time: it is taken, in the order in which it came. */
  async #stop(): Promise<void> {
    await this.#readOut()
    this.#timer?.cancel()
    // No more than can lie in it now: what keeps coming does not keep it open.
    await new Promise<void>((resolve) => this.#afterBacklog(resolve))
    // Flows that wait for the same have begun to be read after this.
    await new Promise<void>((resolve) => void setImmediate(resolve))
    this.#countDrops()
    const flows = [...this.#flows.keys()]
    this.#flows.clear()
    await Promise.all([closed(this.#socket), ...flows.map((flow) => flow.drain())])
  }

  /** Nobody can tell a sender of datagrams to stop. So what comes is read while some comes, within the time. */
  async #readOut(): Promise<void> {
    const { clock } = this.#deps
    let came = this.#came
    let now = clock.monotonic()
    let since = now
    while (now < this.#until && now - since < this.#quiet) {
      await new Promise<void>((done) => clock.after(LOOK_MS, done))
      now = clock.monotonic()
      if (this.#came !== came) since = now
      came = this.#came
    }
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.close(() => resolve()))
}

function readRmemMax(): number | null {
  try {
    return Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'))
  } catch {
    return null
  }
}
