/** TLS in front of a stream listener: unfinished handshakes are limited and timed, senders judged by certificate. */
import type { Buffer } from 'node:buffer'
import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { errorCode, errorText, type LogweirError } from '../base/errors.ts'
import { nodeTls } from '../base/late.ts'
import type { ListenerTls } from '../config/types.ts'
import { type Credentials, expiryProblem, readCredentials } from './certificates.ts'
import { ConnectionCounts } from './limits.ts'
import { sendNoTickets } from './no-tickets.ts'
import { plainAddress } from './prefixes.ts'
import { ProxyWatch } from './proxy-watch.ts'
import type { Refusals } from './refusals.ts'
import { share } from './stream-settings.ts'
import type { ListenerDeps, RefuseReason } from './types.ts'

/** The part of a listener's settings that concerns its handshakes. */
interface TlsSettings {
  readonly name: string
  readonly tls: ListenerTls
}

const HANDSHAKE_RECORD = 0x16

interface Handshake {
  readonly raw: Socket
  /** Tells it from the others; the TLS server speaks of other socket objects. */
  readonly place: string
  readonly peer: string
  /** Whose limit it counts in; null: that of all only. */
  readonly counted: string | null
  /** Monotonic milliseconds. */
  readonly due: number
  readonly done: (socket: TLSSocket) => void
  /** Bytes came: an end from here on is a failed handshake, before it a probe of the port. */
  begun: boolean
  /** It succeeded, or its refusal was counted. */
  settled: boolean
}

/** See the module. */
export class TlsGate {
  /** Milliseconds that a handshake may take. */
  readonly timeout: number
  readonly #settings: TlsSettings
  readonly #deps: ListenerDeps
  readonly #refusals: Refusals
  readonly #server: Server
  readonly #counts: ConnectionCounts
  readonly #handshakes = new Map<string, Handshake>()

  constructor(settings: TlsSettings, deps: ListenerDeps, refusals: Refusals, credentials: Credentials) {
    const { client_auth, handshakes_max, handshakes_per_address, handshake_timeout, min_version } =
      settings.tls
    this.timeout = handshake_timeout
    this.#settings = settings
    this.#deps = deps
    this.#refusals = refusals
    this.#counts = new ConnectionCounts(
      share(handshakes_max, deps.workers),
      share(handshakes_per_address, deps.workers),
    )
    this.#server = nodeTls().createServer({
      ...credentials.options,
      minVersion: min_version,
      // Asked for here, judged in `objection`: one place for chains and fingerprints, with the reason at hand.
      requestCert: client_auth !== 'none',
      rejectUnauthorized: false,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      // Ours counts from the connect; this one is never reached.
      handshakeTimeout: handshake_timeout * 2,
    })
    if (!sendNoTickets(this.#server))
      deps.log('warn', 'cannot switch session tickets off: senders that close at once may lose events', {
        listener: settings.name,
      })
    this.#server.on('secureConnection', (socket) => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
  }

  /** Which limit one more handshake from `peer` would break, or null. */
  full(peer: string | null): RefuseReason | null {
    const over = this.#counts.over(peer)
    if (over === null) return null
    return over === 'max' ? 'handshakes_max' : 'handshakes_per_address'
  }

  /**
   * Shakes hands on `raw`; `done` gets the secured socket before any byte of it was read. `counted`: the address whose
   * limit it counts in.
   */
  handshake(raw: Socket, peer: string, counted: string | null, done: (socket: TLSSocket) => void): void {
    const due = this.#deps.clock.monotonic() + this.timeout
    const place = placeOf(raw)
    const handshake: Handshake = { raw, place, peer, counted, due, done, begun: false, settled: false }
    this.#counts.add(counted)
    this.#handshakes.set(handshake.place, handshake)
    raw.on('error', () => raw.destroy())
    raw.on('close', () => {
      if (handshake.begun && !isProbe(handshake))
        this.#refuse(handshake, 'handshake_failed', 'the connection was closed')
      this.#forget(handshake)
    })
    const look = (): void => {
      const head = raw.read() as Buffer | null
      if (head === null) return
      raw.off('readable', look)
      handshake.begun = true
      if (head[0] === HANDSHAKE_RECORD) {
        raw.unshift(head)
        this.#server.emit('connection', raw)
        return
      }
      const forged = new ProxyWatch().push(head) === 'forged'
      this.#refuse(handshake, forged ? 'proxy_forged' : 'plain_on_tls')
      raw.destroy()
    }
    // What is not TLS is told apart before OpenSSL sees it: its errors for plain text depend on the text.
    raw.on('readable', look)
  }

  /** Ends handshakes that take too long. */
  check(now: number): void {
    for (const handshake of this.#handshakes.values()) {
      if (handshake.settled || now < handshake.due) continue
      this.#refuse(handshake, 'handshake_timeout')
      handshake.raw.destroy()
    }
  }

  /** See `Listener.reload`. What is asked of senders stays as it is. */
  async reload(): Promise<LogweirError | null> {
    const { name } = this.#settings
    try {
      const credentials = await readCredentials(name, this.#settings.tls)
      const expired = expiryProblem(name, this.#settings.tls, credentials.expires_at, this.#deps.clock.wall())
      if (expired !== null) throw expired
      this.#server.setSecureContext({
        ...credentials.options,
        minVersion: this.#settings.tls.min_version,
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      })
      sendNoTickets(this.#server)
      this.#deps.log('info', 'read the certificate again', {
        listener: name,
        fingerprint: credentials.fingerprint,
      })
      return null
    } catch (error) {
      const problem = error as LogweirError
      this.#deps.log('error', 'kept the old certificate', {
        listener: name,
        error: errorText(error),
        mend: problem.mend,
      })
      return problem
    }
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#handshakes.get(placeOf(socket))
    if (handshake === undefined || handshake.settled) {
      socket.destroy()
      return
    }
    socket.on('error', ignore)
    const objection = clientObjection(this.#settings.tls, socket)
    if (objection === null) {
      handshake.settled = true
      this.#forget(handshake)
      handshake.done(socket)
      return
    }
    this.#refuse(handshake, 'client_certificate', objection)
    socket.destroy()
  }

  #failed(error: Error, socket: TLSSocket): void {
    const handshake = this.#handshakes.get(placeOf(socket))
    // A connection that broke has no address any more; its close is counted by `handshake`.
    const code = errorCode(error)
    if (handshake !== undefined && !(code === 'ECONNRESET' && isProbe(handshake)))
      this.#refuse(handshake, 'handshake_failed', code ?? error.message)
    socket.destroy()
  }

  #refuse(handshake: Handshake, reason: RefuseReason, detail?: string): void {
    if (handshake.settled) return
    handshake.settled = true
    this.#refusals.refuse(reason, handshake.peer, detail)
  }

  /** It no longer counts as unfinished. */
  #forget(handshake: Handshake): void {
    if (this.#handshakes.get(handshake.place) !== handshake) return
    this.#handshakes.delete(handshake.place)
    this.#counts.remove(handshake.counted)
  }
}

/** A balancer's own handshake: its health checks break off as soon as they have seen enough. */
function isProbe({ counted }: Handshake): boolean {
  return counted === null
}

/** Both ends: one port of a peer may be connected to several of our addresses. */
function placeOf({ remoteAddress = '', remotePort = 0, localAddress = '' }: Socket): string {
  return `${plainAddress(remoteAddress)} ${remotePort} ${plainAddress(localAddress)}`
}

/**
 * Why this sender may not go on, or null. With `client_ca` its chain must lead there, with `client_fingerprints` its
 * certificate must be one of them, with both, both (RFC 5425 §4.2.1, §5.1). `request` lets in who shows none.
 */
export function clientObjection(settings: ListenerTls, socket: TLSSocket): string | null {
  if (settings.client_auth === 'none') return null
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return settings.client_auth === 'request' ? null : 'it showed no certificate'
  const { client_fingerprints: pinned } = settings
  const by_chain = settings.client_ca !== null || (settings.client_auth === 'required' && pinned.length === 0)
  if (by_chain && !socket.authorized)
    return `its certificate was not accepted: ${String(socket.authorizationError)}`
  if (pinned.length === 0) return null
  const shown = [`sha-256:${certificate.fingerprint256}`, `sha-1:${certificate.fingerprint}`]
  if (pinned.some((print) => shown.includes(print))) return null
  return `its certificate is not one of \`client_fingerprints\`: ${shown[0]}`
}

function ignore(): void {
  // An error is followed by `close`, which is where connections are let go of.
}
