/** Bounds of the spool, in one place. All sizes in bytes. */

/** A chain's file is sealed before it would pass this. */
export const FILE_MAX = 64 * 1024 * 1024
/** A chain has at least this many files when it is full, so that dropping the oldest drops a small part. */
export const FILES_PER_CHAIN_MIN = 8
/** Below this a file is not worth its descriptor, however small the chain's quota is. */
export const FILE_MIN = 256 * 1024
/** Measured: `docs/decisions.md`, "Pages of the spool". */
export const PAGE_SIZE = 8192
/** SQLite files open at once, the workers' cursors included. */
export const OPEN_MAX = 64
/** Batch bytes that one chain may commit before the next one has its turn. */
export const TURN_BYTES = 4 * 1024 * 1024
/** Batches that one chain may commit in one turn, so that tiny ones cannot hold it for long either. */
export const TURN_ROWS = 512
/** The most that one read gives, whatever was asked for. */
export const READ_BYTES_MAX = 8 * 1024 * 1024
/** Milliseconds between writes of the cursors. */
export const FLUSH_MS = 250
/** Acknowledgements after which the cursors are written at once. */
export const FLUSH_ACKS = 4096
/** Milliseconds that an answer of the file system about free space is believed. */
export const FREE_SPACE_MS = 1000
/** Flushes that a drained file is kept for the next write before it is unlinked. */
export const IDLE_FLUSHES = 8
/** Damaged batches copied to quarantine by one process; later ones are only counted. */
export const QUARANTINE_ROWS_MAX = 1000
/** Milliseconds before a read that the disk refused is answered, so that nobody asks in a loop. */
export const READ_RETRY_MS = 500
