/**
 * When the certificates of a connection end: the receiver's and ours, the earlier of them. For a gauge, and for a warning
 * before deliveries stop one night (R51).
 */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { forgetCertificate, peerCertificate } from './certificate-chain.ts'
import type { ForwardLog } from './types.ts'

const DAY_MS = 86_400_000
/** One that ends sooner is told of. */
const SOON_MS = 14 * DAY_MS

export interface CertificateEnding {
  readonly whose: 'receiver' | 'own'
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** The certificate of this connection that ends first. With a pin the receiver's dates are not asked, and are not told. */
export function firstEnd(socket: TLSSocket, pinned: boolean): CertificateEnding | null {
  const ends = [
    ...endOf('receiver', pinned ? undefined : peerCertificate(socket)),
    ...endOf('own', socket.getX509Certificate()),
  ]
  return ends.toSorted((a, b) => a.at - b.at)[0] ?? null
}

function endOf(
  whose: CertificateEnding['whose'],
  certificate: X509Certificate | undefined,
): CertificateEnding[] {
  const at = certificate?.validToDate.getTime()
  return at === undefined || Number.isNaN(at) ? [] : [{ whose, at }]
}

/** In words when it is soon; null when it is not. */
export function soonInWords({ whose, at }: CertificateEnding, wall: number): string | null {
  if (at - wall >= SOON_MS) return null
  const which = whose === 'own' ? 'our own certificate' : 'the certificate of the receiver'
  const day = new Date(at).toISOString().slice(0, 10)
  const days = Math.max(0, Math.floor((at - wall) / DAY_MS))
  return `${which} ends on ${day}, in ${days} ${days === 1 ? 'day' : 'days'}`
}

/** Of one destination: looked at at each handshake. */
export class CertificateEnds {
  readonly #key: string
  readonly #pinned: boolean
  readonly #clock: Clock
  readonly #log: ForwardLog
  readonly #keep: (at: number) => void
  #said_at = Number.NEGATIVE_INFINITY

  /** `keep` is told when it ends. */
  constructor(
    key: string,
    pinned: boolean,
    deps: {
      readonly clock: Clock
      readonly log: ForwardLog
      readonly certificateEnds?: (at: number) => void
    },
  ) {
    this.#key = key
    this.#pinned = pinned
    this.#clock = deps.clock
    this.#log = deps.log
    this.#keep = deps.certificateEnds ?? ((): void => undefined)
  }

  /** A handshake went well. */
  readonly seen = (socket: TLSSocket): void => {
    const end = firstEnd(socket, this.#pinned)
    forgetCertificate(socket)
    if (end === null) return
    this.#keep(end.at)
    const soon = soonInWords(end, this.#clock.wall())
    const now = this.#clock.monotonic()
    if (soon === null || now - this.#said_at < DAY_MS) return
    this.#said_at = now
    this.#log.warn({ forwarder: this.#key }, `forwarder ${this.#key}: ${soon}; deliveries stop then`)
  }
}
