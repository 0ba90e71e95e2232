import type {
  CfapiListenerSettings,
  CfapiTlsListenerSettings,
  RelpListenerSettings,
  RelpTlsListenerSettings,
  TcpListenerSettings,
  TlsListenerSettings,
} from '../config/types.ts'

/** Settings of a listener whose senders keep connections. */
export type StreamSettings =
  | TcpListenerSettings
  | TlsListenerSettings
  | RelpListenerSettings
  | RelpTlsListenerSettings
  | CfapiListenerSettings
  | CfapiTlsListenerSettings

/** A limit for all workers together, as one worker's share. At least 1. */
export function share(limit: number, workers: number): number {
  return Math.max(1, Math.ceil(limit / workers))
}
