/** The seam between listeners and the rest of a worker. Listeners push; nothing here waits. */
import type { Buffer } from 'node:buffer'
import type { Clock } from '../base/clock.ts'
import type { LogweirError } from '../base/errors.ts'
import type { SourceSettings } from '../config/types.ts'
import type { UnknownRequest } from './cfapi/unknown-requests.ts'

/** Where frames come from: one object per connection (one per peer for UDP), never changed. */
export interface Origin {
  /** Place of the listener in the configuration. */
  readonly listener: number
  /** Remote address, IPv4-mapped ones as plain IPv4; the same string object for all its frames. */
  readonly peer: string
  /** Place in `sources` plus 1; 0 when no sources are configured. */
  readonly source: number
}

export interface Intake {
  /**
   * One frame, `buf[start, end)`, without framing, LF, CR LF or NUL at its end. The bytes are valid during the call
   * only. `flags` are EventFlag bits (`truncated`, `control`).
   */
  frame(origin: Origin, buf: Buffer, start: number, end: number, flags: number): void
  /** All frames of one read were handed over. */
  readDone(origin: Origin): void
  /** False: queues are at the bound for all; stream listeners stop reading until `resume` listeners are called. */
  readonly accepting: boolean
  /**
   * For peers that wait until they are told that their events are safe (RELP, CFAPI). Around the frames of one read
   * or request, without anything between that waits: `expectAcknowledgement`, `frame` for each, `acknowledge`
   * (in the place of `readDone`). `done(true)`: every `spool: always` forwarder has committed what it took of them, or
   * none takes any; `overflow` forwarders are not waited for. Called at once, or later on a clean stack. `done(false)`:
   * one of those forwarders could not keep an event (full): do not acknowledge, the peer shall send again later.
   * Not called at all when neither ever happens (a disk that stays full): the peer goes on waiting.
   */
  expectAcknowledgement(): void
  acknowledge(origin: Origin, done: (kept: boolean) => void): void
  /**
   * `accepting` for such peers: false also while an `always` forwarder has much that the disk has not. Asked before a
   * read or request is taken: then it waits (RELP) or is answered 503 (CFAPI).
   */
  readonly acknowledging: boolean
  /** Calls `act` each time that reading may go on again (`accepting`, `acknowledging`). Returns the function that takes it back. */
  onResume(act: () => void): () => void
}

/** Why something was not taken in; label values of `logweir_events_refused_total`. */
export type RefuseReason =
  | 'not_allowed' // peer outside `allow`
  | 'unknown_source' // `sources` are configured and the peer is in none
  | 'rate' // over `rate_max` of the listener
  | 'connections_max'
  | 'connections_per_address'
  | 'handshakes_max'
  | 'handshakes_per_address'
  | 'handshake_failed'
  | 'handshake_timeout'
  | 'client_certificate' // missing or not one of `client_fingerprints`
  | 'tls_on_plain'
  | 'plain_on_tls'
  | 'frame_timeout'
  | 'idle_timeout'
  | 'desynchronised' // after a counted frame something that cannot begin a frame
  | 'reset' // an unfinished frame when the connection was reset
  | 'empty' // an empty datagram
  | 'queue_full' // UDP while the bound for all is reached
  | 'descriptors' // no file descriptor left for another connection
  | 'proxy_missing' // a balancer's connection began with something else than a PROXY header
  | 'proxy_invalid' // a PROXY header that is broken, too long or of a version that is not known
  | 'proxy_timeout' // a PROXY header stayed unfinished
  | 'proxy_forged' // a PROXY header from a peer that `proxy_from` does not list
  | 'relp_framing' // bytes that are no RELP frame
  | 'relp_protocol' // RELP frames out of turn: no `open`, offers that do not fit, no transaction number
  | 'request_invalid' // CFAPI: no HTTP, no JSON, or none of the API's shapes
  | 'request_too_large' // CFAPI: a body above `body_max`, as it came or inflated, or too many events
  | 'unauthorized' // CFAPI: no session where one is required, a wrong one, a wrong password
  | 'closing' // a sender went on after our goodbye, until its connection was closed with something unread

/** Counts of one listener; the worker backs it with shared memory. Calls are cheap. */
export interface ListenerTally {
  /** `events` refused (a refused connection or broken frame counts as one). `source` as in {@link Origin}. */
  refused(reason: RefuseReason, events: number, source: number): void
  /** Frames that arrived longer than `frame_max` or unfinished (delivered, flagged). */
  truncated(events: number): void
  /** Counts with leading zeros that were believed (loggen writes them). */
  leadingZeros(events: number): void
  /** Open connections now. */
  connections(count: number): void
  /** Datagrams that the kernel dropped since the last call. */
  kernelDrops(datagrams: number): void
}

/** A bound socket. */
export interface Listener {
  readonly name: string
  /** What was bound, for the log and tests (`port: 0` in the configuration picks one). */
  readonly address: { readonly host: string; readonly port: number }
  /** CFAPI: the last requests for paths that are not known. */
  unknownRequests?(): readonly UnknownRequest[]
  /**
   * Stops taking. Senders that can be told are told, and what they have sent is read: each until nothing came for
   * `quiet_ms` (left out: a moment), all for `grace_ms` at most. Safe twice; the shorter times hold.
   */
  stop(grace_ms: number, quiet_ms?: number): Promise<void>
  /**
   * TLS: reads certificates, key and authorities again; open connections go on, new ones get the new chain. When they
   * cannot be used the old ones stay, which is logged, and the answer is why; null when all is well. Never rejects.
   */
  reload?(): Promise<LogweirError | null>
}

export type ListenLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void

/** What a listener is made with, besides its settings. */
export interface ListenerDeps {
  readonly intake: Intake
  readonly tally: ListenerTally
  readonly sources: readonly SourceSettings[]
  readonly clock: Clock
  /** Several workers bind the same port and share its limits of connections and handshakes. */
  readonly reuse_port: boolean
  readonly workers: number
  readonly log: ListenLog
  /** Connections that all listeners of this worker may hold; left out: what the descriptor limit allows. */
  readonly descriptors_max?: number
}
