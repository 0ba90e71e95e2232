/** Counts what is refused, and says so in the log: one line per listener, reason and ten seconds (R70). */
import type { Clock } from '../base/clock.ts'
import type { ListenLog, ListenerTally, RefuseReason } from './types.ts'

const LOG_EVERY_MS = 10_000

const WORDS: Readonly<Record<RefuseReason, string>> = {
  not_allowed: 'refused a peer that `allow` does not list',
  unknown_source: 'refused a peer that is in none of the `sources`',
  rate: 'refused events of a peer above `rate_max`',
  connections_max: 'refused a connection above `connections_max`',
  connections_per_address: 'refused a connection: too many from one address',
  handshakes_max: 'refused a connection: too many unfinished TLS handshakes',
  handshakes_per_address: 'refused a connection: too many unfinished TLS handshakes from one address',
  handshake_failed: 'a TLS handshake failed',
  handshake_timeout: 'closed a connection: its TLS handshake took too long',
  client_certificate: 'refused a sender by its certificate',
  tls_on_plain: 'closed a connection: TLS was spoken to a listener without TLS',
  plain_on_tls: 'closed a connection: plain text was sent to a TLS listener',
  frame_timeout: 'closed a connection: a frame stayed unfinished',
  idle_timeout: 'closed an idle connection',
  desynchronised: 'closed a connection: its octet counts do not fit its frames',
  reset: 'discarded an unfinished frame: the connection was reset',
  empty: 'refused an empty datagram',
  queue_full: 'refused datagrams: the queues are full',
  relp_framing: 'closed a connection: what came is no RELP frame',
  relp_protocol: 'closed a connection: its RELP commands are out of turn',
  request_invalid: 'refused a request that is not of the ingestion API',
  request_too_large: 'refused a request that is too large',
  unauthorized: 'refused a request without a session, or a wrong password',
  closing: 'closed a connection on which events still came: the listener had said goodbye',
  descriptors: 'refused a connection: no file descriptor is left for it',
  proxy_missing: 'refused a connection of a balancer: it did not begin with a PROXY header',
  proxy_invalid: 'refused a connection of a balancer: its PROXY header cannot be read',
  proxy_timeout: 'closed a connection of a balancer: its PROXY header stayed unfinished',
  proxy_forged: 'refused a PROXY header from a peer that `proxy_from` does not list',
}

interface Said {
  at: number
  silent: number
}

export class Refusals {
  readonly #listener: string
  readonly #tally: ListenerTally
  readonly #clock: Clock
  readonly #log: ListenLog
  readonly #sourceOf: (peer: string) => number
  readonly #said = new Map<RefuseReason, Said>()

  /** `sourceOf`: the source of a peer that is refused without its being named; left out: none. */
  constructor(
    listener: string,
    tally: ListenerTally,
    clock: Clock,
    log: ListenLog,
    sourceOf: (peer: string) => number = () => 0,
  ) {
    this.#listener = listener
    this.#tally = tally
    this.#clock = clock
    this.#log = log
    this.#sourceOf = sourceOf
  }

  /** Counts one, and names the peer (and what is known besides) if this reason was not named lately. */
  refuse(reason: RefuseReason, peer: string, detail?: string): void {
    this.refuseOf(this.#sourceOf(peer), reason, peer, detail)
  }

  /** The same for a peer whose source is known: what may be refused event by event does not look it up. */
  refuseOf(source: number, reason: RefuseReason, peer: string, detail?: string): void {
    this.#tally.refused(reason, 1, source)
    const now = this.#clock.monotonic()
    const said = this.#said.get(reason)
    if (said !== undefined && now - said.at < LOG_EVERY_MS) {
      said.silent++
      return
    }
    const fields: Record<string, unknown> = { listener: this.#listener, reason, peer }
    if (detail !== undefined) fields['detail'] = detail
    if (said !== undefined && said.silent > 0) fields['unnamed_before'] = said.silent
    this.#said.set(reason, { at: now, silent: 0 })
    this.#log('warn', WORDS[reason], fields)
  }
}
