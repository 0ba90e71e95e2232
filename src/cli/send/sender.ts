/** What `send` writes to: a datagram socket or a connection, behind the same three calls. */
import type { Pack } from './messages.ts'

export interface Sender {
  /** Sends messages `first` to `last` (exclusive) of the pack; settles when more may follow. */
  send(pack: Pack, first: number, last: number): Promise<void>
  /** Messages that the system refused (too long for a datagram, nobody listens). */
  readonly failed: number
  /** Why the last one was refused. */
  readonly failure: string | null
  /** All is out: says goodbye and waits for the peer. */
  close(): Promise<void>
}
