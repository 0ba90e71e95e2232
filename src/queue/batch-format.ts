/**
 * The batch on disk and between threads, byte by byte; `docs/batch-format.md` is this in words. All numbers
 * are little endian.
 *
 *   head (64 bytes) · names · padding to 8 · index (32 bytes an event) · payload
 *
 * The checksum is CRC-32 (zlib) over everything but its own four bytes.
 */

/** `LWB1` read as a little-endian number. */
export const BATCH_MAGIC = 0x3142574c
export const BATCH_VERSION = 1

/** Offsets inside the head. */
export const Head = {
  magic: 0,
  /** u16 */
  version: 4,
  /** u16, {@link PayloadForm} */
  form: 6,
  /** f64: the router start that sealed it, milliseconds since the epoch, unique per data folder. */
  epoch: 8,
  /** f64: counts up per worker and forwarder. */
  sequence: 16,
  /** u32 */
  worker: 24,
  /** u32: rules generation that the owner and stream numbers belong to. */
  generation: 28,
  /** u32 */
  events: 32,
  /** u32 bytes */
  payload: 36,
  /** u32 bytes, without padding */
  names: 40,
  /** u32: earliest position of an event's identity, above 0 when a batch was split. */
  first_position: 44,
  /** f64: receive time of the first event, milliseconds since the epoch. */
  opened_at: 48,
  /** u32, zero */
  reserved: 56,
  /** u32 */
  checksum: 60,
  size: 64,
} as const

/** How the payload is delimited. Stored: never renumber. */
export const PayloadForm = {
  /** Events one after the other; only the index tells them apart. */
  bare: 0,
  /** Each event ends with LF; inner LF, CR and NUL are escaped (`#012`, `#015`, `#000`). */
  newline: 1,
  /** Each event stands behind its length in decimal and a space (RFC 6587 §3.4.1). */
  octet_counted: 2,
} as const
export type PayloadForm = (typeof PayloadForm)[keyof typeof PayloadForm]

/** Offsets inside an index entry. */
export const Entry = {
  /** u32: of the event's bytes in the payload, behind the length prefix if there is one. */
  offset: 0,
  /** u32: bytes of the event, without LF or prefix. */
  length: 4,
  /** f64: milliseconds since the epoch. */
  received_at: 8,
  /** u32: name kind `owner`; 0 is nobody (an orphan). */
  owner: 16,
  /** u16: name kind `stream`; 0 is `other`. */
  stream: 20,
  /** u16: name kind `peer`, numbered within the batch. */
  peer: 22,
  /** u16: name kind `listener`. */
  listener: 24,
  /** u16: name kind `source`; 0 is none. */
  source: 26,
  /** u16: {@link EventFlag} bits. */
  flags: 28,
  /** u16, zero */
  reserved: 30,
  size: 32,
} as const

/** Kinds of names. A name is: u8 kind, u8 zero, u16 bytes, u32 number, the text (UTF-8; owner and source: JSON). */
export const NameKind = { stream: 1, owner: 2, peer: 3, listener: 4, source: 5, forwarder: 6 } as const
export type NameKind = (typeof NameKind)[keyof typeof NameKind]
export const NAME_HEAD = 8
