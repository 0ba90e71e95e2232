/** The spool's side of the seam that queues speak; see there. */
export type {
  ChainState,
  SpoolClient,
  SpoolReadResult,
  SpoolRow,
  SpoolWriteOutcome,
} from '../queue/spool-port.ts'
