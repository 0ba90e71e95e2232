/** Which check of a written batch failed. Label-safe: the set is closed. */
export type BatchFault = 'magic' | 'version' | 'length' | 'checksum' | 'form' | 'number' | 'names' | 'index'

/** Bytes that are not a whole batch. The message says what is wrong with them, for the log. */
export class BatchDamaged extends Error {
  readonly fault: BatchFault

  constructor(fault: BatchFault, message: string) {
    super(message)
    this.name = 'BatchDamaged'
    this.fault = fault
  }
}
