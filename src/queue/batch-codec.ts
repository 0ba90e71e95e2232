/**
 * Writes a sealed batch as the self-contained bytes of `batch-format.ts`, and reads them back. Reading
 * believes nothing before it is checked: any bytes give a batch or {@link BatchDamaged}, never another
 * error and never an allocation larger than a small multiple of the input.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { endianness } from 'node:os'
import { crc32 } from 'node:zlib'
import { BATCH_MAGIC, BATCH_VERSION, Entry, Head, type PayloadForm } from './batch-format.ts'
import { Batch } from './batch.ts'
import { collectNames, readNames, writeNames } from './batch-names.ts'
import { BatchDamaged } from './batch-damaged.ts'

export { BatchDamaged } from './batch-damaged.ts'

// The index is copied as it lies in memory; a big-endian machine would need a swap that nobody could test.
assert.equal(endianness(), 'LE', 'batches are little endian and so must the machine be')

const FORM_LAST = 2
const ENTRY_WORDS = Entry.size / 4

/** The batch in its written form, in a buffer of its own that can be transferred. The batch stays as it was. */
export function serialiseBatch(batch: Batch): ArrayBuffer {
  assert(batch.sequence >= 0, 'only sealed batches are written')
  const names = collectNames(batch)
  const index_at = align8(Head.size + names.bytes)
  const index_bytes = batch.events * Entry.size
  const payload_at = index_at + index_bytes
  const out = Buffer.allocUnsafeSlow(payload_at + batch.used)
  const head = new DataView(out.buffer)
  writeHead(head, batch, names.bytes)
  writeNames(out, Head.size, names)
  out.fill(0, Head.size + names.bytes, index_at)
  out.set(new Uint8Array(batch.index.buffer, 0, index_bytes), index_at)
  batch.payload.copy(out, payload_at, 0, batch.used)
  head.setUint32(Head.checksum, batchChecksum(out), true)
  return out.buffer
}

/**
 * The batch that `bytes` holds. Payload is a view over `bytes`, so they belong to the batch from now on; names
 * come from the batch itself.
 * @throws {BatchDamaged} when anything about the bytes is wrong.
 */
export function parseBatch(bytes: ArrayBuffer | Uint8Array): Batch {
  const all = asBuffer(bytes)
  const head = checkBatch(all)
  const names = readNames(all, Head.size, Head.size + head.getUint32(Head.names, true))
  const events = head.getUint32(Head.events, true)
  const index_at = align8(Head.size + head.getUint32(Head.names, true))
  const payload_at = index_at + events * Entry.size
  const index = copyIndex(all, index_at, payload_at, all.length - payload_at)
  const identity = {
    epoch: head.getFloat64(Head.epoch, true),
    worker: head.getUint32(Head.worker, true),
    forwarder: names.forwarder,
    generation: head.getUint32(Head.generation, true),
  }
  const form = head.getUint16(Head.form, true) as PayloadForm
  const batch = new Batch(form, identity, names, all.subarray(payload_at), index)
  batch.events = events
  batch.used = all.length - payload_at
  batch.peers = names.peers
  batch.first_position = head.getUint32(Head.first_position, true)
  batch.seal(head.getFloat64(Head.sequence, true))
  return batch
}

/** What a reader needs to know of a batch without parsing it. */
export interface BatchSummary {
  readonly sequence: number
  readonly events: number
}

/**
 * Checks head, lengths and checksum, nothing allocated: what the spool does with every row it reads back.
 * @throws {BatchDamaged} when one of them is wrong.
 */
export function verifyBatch(bytes: ArrayBuffer | Uint8Array): BatchSummary {
  const head = checkBatch(asBuffer(bytes))
  return { sequence: head.getFloat64(Head.sequence, true), events: head.getUint32(Head.events, true) }
}

/** CRC-32 over everything but the checksum's own four bytes. `bytes` is at least a head long. */
export function batchChecksum(bytes: Uint8Array): number {
  const before = crc32(bytes.subarray(0, Head.checksum))
  return crc32(bytes.subarray(Head.checksum + 4), before)
}

function writeHead(head: DataView, batch: Batch, names: number): void {
  head.setUint32(Head.magic, BATCH_MAGIC, true)
  head.setUint16(Head.version, BATCH_VERSION, true)
  head.setUint16(Head.form, batch.form, true)
  head.setFloat64(Head.epoch, batch.identity.epoch, true)
  head.setFloat64(Head.sequence, batch.sequence, true)
  head.setUint32(Head.worker, batch.identity.worker, true)
  head.setUint32(Head.generation, batch.identity.generation, true)
  head.setUint32(Head.events, batch.events, true)
  head.setUint32(Head.payload, batch.used, true)
  head.setUint32(Head.names, names, true)
  head.setUint32(Head.first_position, batch.first_position, true)
  head.setFloat64(Head.opened_at, batch.events > 0 ? batch.received_at(0) : 0, true)
  head.setUint32(Head.reserved, 0, true)
}

/** Everything that can be said about the bytes as a whole; every sum is below 2^53, so none wraps. */
function checkBatch(all: Buffer): DataView {
  if (all.length < Head.size) throw new BatchDamaged('length', `${all.length} bytes are less than a head`)
  const head = new DataView(all.buffer, all.byteOffset, all.length)
  if (head.getUint32(Head.magic, true) !== BATCH_MAGIC) throw new BatchDamaged('magic', 'not a batch')
  const version = head.getUint16(Head.version, true)
  if (version !== BATCH_VERSION) throw new BatchDamaged('version', `version ${version} is not known`)
  const names = head.getUint32(Head.names, true)
  const index = head.getUint32(Head.events, true) * Entry.size
  const expected = align8(Head.size + names) + index + head.getUint32(Head.payload, true)
  if (expected !== all.length) {
    throw new BatchDamaged('length', `${all.length} bytes where the head says ${expected}`)
  }
  if (head.getUint32(Head.checksum, true) !== batchChecksum(all)) {
    throw new BatchDamaged('checksum', 'the checksum does not match')
  }
  if (head.getUint16(Head.form, true) > FORM_LAST) throw new BatchDamaged('form', 'payload form is not known')
  checkNumber(head.getFloat64(Head.sequence, true), 'sequence')
  checkNumber(head.getFloat64(Head.epoch, true), 'epoch')
  return head
}

function checkNumber(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new BatchDamaged('number', `${name} is not a whole number`)
}

/** The index in an aligned buffer of its own, every entry inside the payload. */
function copyIndex(all: Buffer, from: number, to: number, payload: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(Math.max(to - from, Entry.size) / 4)
  new Uint8Array(words.buffer).set(all.subarray(from, to))
  const last = (to - from) / 4
  for (let at = 0; at < last; at += ENTRY_WORDS) {
    if ((words[at] as number) + (words[at + 1] as number) > payload) {
      throw new BatchDamaged('index', `event ${at / ENTRY_WORDS} lies outside the payload`)
    }
  }
  return words
}

function align8(at: number): number {
  return Math.ceil(at / 8) * 8
}

function asBuffer(bytes: ArrayBuffer | Uint8Array): Buffer {
  if (bytes instanceof ArrayBuffer) return Buffer.from(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
