import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Entry, Head, NameKind, PayloadForm } from '../../../src/queue/batch-format.ts'
import {
  BatchDamaged,
  batchChecksum,
  parseBatch,
  serialiseBatch,
  verifyBatch,
} from '../../../src/queue/batch-codec.ts'
import { describeBatch, makeBatch } from '../../support/batches.ts'
import { goldenBatches } from '../../support/golden-batches.ts'

const golden_folder = new URL('../../../fixtures/golden/', import.meta.url)

/** Bytes with a head field changed and the checksum made right again: what only a forger can do. */
function forged(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = new Uint8Array(serialiseBatch(makeBatch({ events: [{ text: 'one' }, { text: 'two' }] })))
  const view = new DataView(bytes.buffer)
  change(view, bytes)
  view.setUint32(Head.checksum, batchChecksum(bytes), true)
  return bytes
}

function faultOf(bytes: ArrayBuffer | Uint8Array): string {
  try {
    parseBatch(bytes)
  } catch (error) {
    if (error instanceof BatchDamaged) return error.fault
    throw error
  }
  return 'none'
}

test.each(goldenBatches)('today’s writer gives the golden bytes of $name', ({ name, batch }) => {
  const golden = readFileSync(new URL(name, golden_folder))
  expect(Buffer.from(serialiseBatch(batch())).equals(golden)).toBe(true)
})

test.each(goldenBatches)('$name parses, and means what it meant', ({ name, batch }) => {
  const golden = readFileSync(new URL(name, golden_folder))
  expect(describeBatch(parseBatch(golden))).toEqual(describeBatch(batch()))
})

test('every golden file has its case, so that none is forgotten', () => {
  const files = readdirSync(golden_folder).filter((name) => name.startsWith('batch-v'))
  expect(files.sort()).toEqual(goldenBatches.map(({ name }) => name).sort())
})

test('payload is a view over the bytes, not a copy', () => {
  const bytes = serialiseBatch(makeBatch({ events: [{ text: 'one' }] }))
  expect(parseBatch(bytes).payload.buffer).toBe(bytes)
})

test('bytes at an odd offset of a larger buffer parse as well', () => {
  const bytes = new Uint8Array(serialiseBatch(makeBatch({ events: [{ text: 'one' }] })))
  const larger = new Uint8Array(bytes.length + 9)
  larger.set(bytes, 3)
  expect(parseBatch(larger.subarray(3, 3 + bytes.length)).events).toBe(1)
})

test('names that no event refers to are not written', () => {
  const with_two = serialiseBatch(
    makeBatch({
      events: [
        { text: 'a', owner: 1 },
        { text: 'b', owner: 2 },
      ],
    }),
  )
  const with_one = serialiseBatch(
    makeBatch({
      events: [
        { text: 'a', owner: 1 },
        { text: 'b', owner: 1 },
      ],
    }),
  )
  expect(with_one.byteLength).toBeLessThan(with_two.byteLength)
})

test('verifyBatch says what a row’s columns must say', () => {
  const bytes = serialiseBatch(makeBatch({ sequence: 42, events: [{ text: 'a' }, { text: 'b' }] }))
  expect(verifyBatch(bytes)).toEqual({ sequence: 42, events: 2 })
})

test.each<[string, string, (view: DataView, bytes: Uint8Array) => void]>([
  ['magic', 'another magic', (view) => view.setUint32(Head.magic, 1, true)],
  ['version', 'a later version', (view) => view.setUint16(Head.version, 2, true)],
  ['form', 'an unknown form', (view) => view.setUint16(Head.form, 3, true)],
  ['length', 'four thousand million events', (view) => view.setUint32(Head.events, 0xffffffff, true)],
  ['length', 'names longer than the file', (view) => view.setUint32(Head.names, 0xfffffff8, true)],
  ['length', 'a payload longer than the file', (view) => view.setUint32(Head.payload, 0xffffffff, true)],
  ['number', 'a sequence that is no number', (view) => view.setFloat64(Head.sequence, Number.NaN, true)],
  ['number', 'an epoch below zero', (view) => view.setFloat64(Head.epoch, -1, true)],
  ['names', 'a name that passes the end', (view) => view.setUint16(Head.size + 2, 0xffff, true)],
  ['names', 'an owner that is not JSON', (_, bytes) => bytes.fill(NameKind.owner, Head.size, Head.size + 1)],
  [
    'index',
    'an event outside the payload',
    (view) => view.setUint32(view.byteLength - 8 - 2 * Entry.size, 0xffffffff, true),
  ],
])('%s: %s is found although the checksum is right', (fault, _, change) => {
  expect(faultOf(forged(change))).toBe(fault)
})

test('a peer number up to the limit costs no more than the limit', () => {
  const at = new Uint8Array(serialiseBatch(makeBatch({ events: [{ text: 'a' }] })))
  expect(at.length).toBeGreaterThan(0)
  const bytes = forged((view, all) => {
    const peer = findName(all, NameKind.peer)
    view.setUint32(peer + 4, 0x10000, true)
  })
  expect(faultOf(bytes)).toBe('names')
})

test('an owner number without a name is nobody, a stream without one is other', () => {
  const bytes = forged((_, all) => {
    all[findName(all, NameKind.owner)] = 200
    all[findName(all, NameKind.stream)] = 201
  })
  const batch = parseBatch(bytes)
  expect(batch.names.owner(batch.owner(0))).toBeNull()
  expect(batch.names.stream(batch.stream(0))).toBe('other')
})

test('all forms round trip', () => {
  for (const form of Object.values(PayloadForm)) {
    const batch = makeBatch({ form, events: [{ text: 'a\nb' }, { text: '' }, { text: 'c\0' }] })
    expect(describeBatch(parseBatch(serialiseBatch(batch)))).toEqual(describeBatch(batch))
  }
})

function findName(bytes: Uint8Array, kind: number): number {
  const view = new DataView(bytes.buffer)
  let at: number = Head.size
  while (bytes[at] !== kind) at += 8 + view.getUint16(at + 2, true)
  return at
}
