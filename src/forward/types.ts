/** What destinations are given, and what they are made of. */
import type { StreamPlan } from '../classify/streams.ts'
import type { Aim } from './address-guard.ts'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Buffer } from 'node:buffer'
import type { FileOptions, ForwarderSettings } from '../rules/forwarder-settings.ts'

/** The part of pino that destinations use. Messages never hold secrets or event contents beyond an answer's first bytes. */
export interface ForwardLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** Names to addresses. */
export interface Resolver {
  /**
   * All addresses of a host, literal ones as they are; never empty.
   * @throws Error in words when there are none and none are remembered.
   */
  resolve(host: string): Promise<readonly string[]>
}

export interface ForwardDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: ForwardLog
  /** Left out: the system's names by c-ares, shared by all destinations of the thread. */
  readonly resolver?: Resolver
  /** How many workers share a destination's limits. */
  readonly workers: number
  /** This machine's name, for headers that have none. */
  readonly hostname: string
  /** Milliseconds after which an unused connection or file is closed: `limits.forwarder_idle`. */
  readonly idle: number
  /** The streams of the rules, for formats that need the fields of events again. Read at each batch. */
  readonly streams: () => readonly StreamPlan[]
  /**
   * Bytes that one replay window may hold now; left out: what the settings say. The worker lowers it when memory is
   * short, and the oldest written batches then count as delivered earlier.
   */
  readonly replayMax?: () => number
  /** Why nothing may be sent to an address; left out: anything may. */
  readonly refuses?: (aim: Aim) => string | null
  /** Told at each TLS handshake when the first of its certificates ends (wall, ms); left out: nobody is. */
  readonly certificateEnds?: (at: number) => void
  /** Opens files; left out: each destination its own. */
  readonly openFile?: (path: string, options: FileOptions) => FileSink
  /** Folder for events that destinations refused; left out: they are only counted. */
  readonly dead_letters?: string
  /** Folder for secrets that destinations hand out in the place of configured ones; left out: they are not kept. */
  readonly secrets?: string
  /** Where `HTTPS_PROXY` and the like are looked for; left out: nowhere. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A file that batches are appended to; `file-writer.ts` is the real one, with several workers one of them owns it. */
export interface FileSink {
  readonly open: boolean
  /** It may not be given up: something is still going on with its files. */
  readonly busy: boolean
  /** All or nothing, as far as the disk lets us. */
  write(buffers: readonly Buffer[]): Promise<void>
  close(): Promise<void>
}

/** The part of a forwarder's plan that destinations read. */
export interface ForwarderTarget {
  /** `tenant/name`. */
  readonly key: string
  readonly settings: ForwarderSettings
}
