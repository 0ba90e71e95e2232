/** UDP: one datagram, one frame. Per datagram nothing is made here besides what `dgram` makes. */
import type { Buffer } from 'node:buffer'
import dgram, { type RemoteInfo, type Socket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { Timer } from '../base/clock.ts'
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

const DROPS_EVERY_MS = 1000

/** What is known of a peer. */
interface Peer extends Remembered {
  readonly origin: Origin
  /** Why nothing is taken from it, or null. */
  readonly refused: RefuseReason | null
  readonly bucket: Bucket | null
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
  readonly #socket: Socket
  #port = 0
  #timer: Timer | undefined
  #drops: KernelDrops | undefined
  #stopping: Promise<void> | undefined

  constructor(settings: UdpListenerSettings, index: number, deps: ListenerDeps) {
    this.name = settings.name
    this.#settings = settings
    this.#index = index
    this.#deps = deps
    this.#admission = new Admission(settings, deps.sources)
    this.#refusals = new Refusals(settings.name, deps.tally, deps.clock, deps.log)
    this.#peers = new PeerTable(settings.peers_max)
    this.#socket = dgram.createSocket({
      type: isIPv6(settings.host) ? 'udp6' : 'udp4',
      ipv6Only: false,
      reusePort: deps.reuse_port,
      recvBufferSize: settings.receive_buffer,
    })
    this.#socket.on('message', (message, info) => this.#take(message, info))
  }

  get address(): Listener['address'] {
    return { host: this.#settings.host, port: this.#port }
  }

  /** @throws LogweirError in one sentence when the address cannot be bound. */
  async bind(): Promise<void> {
    const { host, port } = this.#settings
    const socket = this.#socket
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => {
        socket.close()
        reject(bindError(this.#settings, error))
      }
      socket.once('error', failed)
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.off('error', failed)
        resolve()
      })
    })
    socket.on('error', (error) =>
      this.#deps.log('error', 'a listener failed', { listener: this.name, error: error.message }),
    )
    this.#port = socket.address().port
    this.#checkBuffer()
    this.#drops = new KernelDrops(host, this.#port, this.#deps.reuse_port ? this.#deps.workers : 1)
    this.#watchDrops()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  #take(message: Buffer, info: RemoteInfo): void {
    const peer = this.#peers.get(info.address) ?? this.#meet(info.address)
    const { origin } = peer
    if (peer.refused !== null) return this.#refusals.refuse(peer.refused, origin.peer)
    const end = datagramEnd(message)
    if (end === 0) return this.#refusals.refuse('empty', origin.peer)
    const { intake, clock } = this.#deps
    if (peer.bucket !== null && !takeToken(peer.bucket, this.#settings.rate_max ?? 0, clock.monotonic())) {
      return this.#refusals.refuse('rate', origin.peer)
    }
    if (!intake.accepting) return this.#refusals.refuse('queue_full', origin.peer)
    intake.frame(origin, message, 0, end, datagramFlags(message, end))
    intake.readDone(origin)
  }

  #meet(address: string): Peer {
    const plain = plainAddress(address)
    const source = this.#admission.admit(plain)
    const { rate_max } = this.#settings
    const peer: Peer = {
      origin: { listener: this.#index, peer: plain, source: typeof source === 'number' ? source : 0 },
      refused: typeof source === 'number' ? null : source,
      bucket: rate_max === null ? null : newBucket(rate_max, this.#deps.clock.monotonic()),
      recent: false,
    }
    this.#peers.set(address, peer)
    return peer
  }

  /** Linux doubles what it grants for its own bookkeeping, and answers that. */
  #checkBuffer(): void {
    const asked = this.#settings.receive_buffer
    const granted = Math.floor(this.#socket.getRecvBufferSize() / 2)
    const fields = { listener: this.name, asked, granted }
    if (granted >= asked) return this.#deps.log('debug', 'receive buffer granted', fields)
    this.#deps.log('warn', 'the kernel grants a smaller receive buffer than asked: bursts may be lost', {
      ...fields,
      rmem_max: readRmemMax(),
      mend: `sysctl -w net.core.rmem_max=${asked}`,
    })
  }

  #watchDrops(): void {
    this.#timer = this.#deps.clock.after(DROPS_EVERY_MS, () => {
      this.#countDrops()
      this.#watchDrops()
    })
  }

  #countDrops(): void {
    const drops = this.#drops?.read() ?? 0
    if (drops > 0) this.#deps.tally.kernelDrops(drops)
  }

  async #stop(): Promise<void> {
    this.#timer?.cancel()
    this.#countDrops()
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()))
  }
}

function readRmemMax(): number | null {
  try {
    return Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'))
  } catch {
    return null
  }
}
