/**
 * How a destination is doing, in one place: its state, its last error in words, and the log lines about it.
 * A cause that repeats is logged once in ten seconds with a count (R70), a recovery once.
 */
import type { Clock } from '../base/clock.ts'
import { errorCode, errorText } from '../base/errors.ts'
import type { DestinationState } from '../queue/lane.ts'
import type { ForwardLog } from './types.ts'

const REPEAT_MS = 10_000
const CAUSES_MAX = 32

interface Cause {
  said_at: number
  unsaid: number
}

export class Status {
  state: DestinationState = 'active'
  last_error: string | null = null
  readonly #key: string
  readonly #clock: Clock
  readonly #log: ForwardLog
  /** Kept over recoveries. Their names are steps of ours, so there are few. */
  readonly #causes = new Map<string, Cause>()
  /** A failure was logged, and its recovery was not. */
  #said = false

  constructor(key: string, clock: Clock, log: ForwardLog) {
    this.#key = key
    this.#clock = clock
    this.#log = log
  }

  /** Something failed and is tried again by itself. */
  failing(step: string, why: string): void {
    this.last_error = `${step}: ${why}`
    if (this.state !== 'stopped') this.state = 'retrying'
    this.#said =
      this.#say('warn', step, `forwarder ${this.#key}: ${this.last_error}; it is tried again`) || this.#said
  }

  /** Something is wrong that only a person can mend; everything stays queued. */
  paused(step: string, why: string): void {
    this.last_error = `${step}: ${why}`
    if (this.state !== 'stopped') this.state = 'paused'
    const text = `forwarder ${this.#key}: ${this.last_error}; delivery is paused and everything is kept`
    this.#said = this.#say('error', step, text) || this.#said
  }

  /** Events were lost on purpose; the state stays as it is. */
  lost(cause: string, text: string): void {
    this.#say('warn', cause, `forwarder ${this.#key}: ${text}`)
  }

  /** Contact was made, which proves no delivery yet: the state is good, the last error stays for who looks. */
  reached(): void {
    if (this.state !== 'stopped') this.state = 'active'
  }

  /** Something was delivered. Cheap when all was well before. */
  delivered(): void {
    if (this.last_error === null) return
    if (this.state !== 'stopped') this.state = 'active'
    const after = this.last_error
    this.last_error = null
    // Of a failure that was not said, the recovery is not either: one that comes and goes fills no log.
    if (!this.#said) return
    this.#said = false
    this.#log.info({ forwarder: this.#key, after }, `forwarder ${this.#key}: delivers again`)
  }

  /** Nothing waits any more: what was wrong is nobody's trouble now. Cheap when all was well before. */
  idle(): void {
    if (this.last_error === null) return
    if (this.state !== 'stopped') this.state = 'active'
    this.last_error = null
    this.#said = false
  }

  stopped(): void {
    this.state = 'stopped'
  }

  /** Whether it was said. */
  #say(level: 'warn' | 'error', name: string, text: string): boolean {
    const now = this.#clock.monotonic()
    let cause = this.#causes.get(name)
    if (cause === undefined) {
      if (this.#causes.size >= CAUSES_MAX) return false
      cause = { said_at: -REPEAT_MS, unsaid: 0 }
      this.#causes.set(name, cause)
      cause.said_at = now - REPEAT_MS
    }
    if (now - cause.said_at < REPEAT_MS) {
      cause.unsaid += 1
      return false
    }
    this.#log[level]({ forwarder: this.#key, repeated: cause.unsaid }, text)
    cause.said_at = now
    cause.unsaid = 0
    return true
  }
}

/** What a chain that cannot be built says; which of the two it is, nobody knows. */
const NOT_TRUSTED =
  'the issuer of the certificate is none that is trusted (`tls.ca`, of a proxy `proxy.ca`, else the system’s), or the server does not send the certificates between'

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the other side reset the connection',
  EPIPE: 'the other side had closed the connection',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EADDRNOTAVAIL: 'the local address is not one of this machine',
  EACCES: 'permission denied',
  EPERM: 'not permitted, perhaps by a local firewall',
  EMFILE: 'no file descriptor left',
  ENFILE: 'no file descriptor left on this machine',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link, which is not followed',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reports an error',
  EMSGSIZE: 'larger than a datagram can be',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed, and not one that `tls.ca` names',
  SELF_SIGNED_CERT_IN_CHAIN: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: NOT_TRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: NOT_TRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: NOT_TRUSTED,
  CERT_UNTRUSTED: NOT_TRUSTED,
  CERT_SIGNATURE_FAILURE: 'the signature of the certificate is not of the issuer that it names',
  CERT_HAS_EXPIRED: 'the certificate, or one of its issuers, has expired',
  CERT_NOT_YET_VALID: 'the certificate is not yet valid, or this machine’s clock is wrong',
  INVALID_CA: 'a certificate of the chain is of no authority',
  INVALID_PURPOSE: 'the certificate, or one of its issuers, is for another purpose than this',
}

const NAMES_MAX = 200

/** For whom a certificate is, and for whom it is not. The names are the other side's text: bounded, on one line. */
function otherName(error: Error): string | undefined {
  if (!('host' in error && 'cert' in error)) return undefined
  const { host, cert } = error as {
    readonly host: unknown
    readonly cert: { readonly subjectaltname?: unknown }
  }
  const names = typeof cert.subjectaltname === 'string' ? cert.subjectaltname : ''
  const shown = names.slice(0, NAMES_MAX).replaceAll(/\p{Cc}/gu, ' ')
  const whose = names === '' ? 'it names nobody' : `it is for ${shown}${names.length > NAMES_MAX ? '…' : ''}`
  return `the certificate is not for ${String(host)}: ${whose} (\`tls.server_name\` says which name to expect)`
}

/** A failure in words: known system codes as a sentence with the code behind it, else its own text. */
export function inWords(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' && error instanceof Error) {
    const words = otherName(error)
    if (words !== undefined) return words
  }
  const words = code === undefined ? undefined : WORDS[code]
  return words === undefined ? errorText(error) : `${words} (${code})`
}
