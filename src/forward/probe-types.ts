/** What `forwarder test` finds out: plain data. */
import type { ShownCertificate } from './certificate-chain.ts'

export interface ProbeStep {
  readonly step: 'resolve' | 'connect' | 'proxy' | 'handshake' | 'authentication' | 'probe'
  /** Null: there is nothing to find out at this step, or it was not reached. */
  readonly ok: boolean | null
  readonly milliseconds: number
  /** What happened, in words. */
  readonly detail: string
  /** What the peer showed in the handshake; left out where there was none. */
  readonly certificates?: readonly ShownCertificate[]
}

export interface ProbeReport {
  /** `tenant/name`. */
  readonly forwarder: string
  /** Destination as people write it, without what may be a secret. */
  readonly to: string
  readonly from_address: string | null
  readonly ok: boolean
  readonly steps: readonly ProbeStep[]
}
