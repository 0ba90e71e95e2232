import { expect, test } from 'vitest'
import { buildLabelTable, LABEL_AMBIGUOUS, LabelTable } from '../../../src/rules/label-table.ts'
import type { LabelProbe } from '../../../src/rules/plan.ts'

const whole = (kind: number, exact: boolean): LabelProbe => ({
  kind,
  part: 'whole',
  length: 0,
  max: 64,
  exact,
  by: `k${kind}`,
})
const find = (table: LabelTable, stream: number, bytes: readonly number[] | Buffer) => {
  const buf = Buffer.from([0x61, ...bytes, 0x62])
  return table.find(stream, buf, 1, buf.length - 1)
}

const lower = (byte: number) => (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)
const lone = (kind: number, part: 'prefix' | 'suffix'): LabelProbe => ({
  kind,
  part,
  length: 3,
  max: 20,
  exact: false,
  by: part,
})
const key = (kind: number, text: string, owner: number, tenant: number) => ({
  kind,
  bytes: Buffer.from(text),
  exact: false,
  owner,
  tenant,
})

test('letters of ASCII are equal in both cases, and no other bytes are', () => {
  const all = Array.from({ length: 256 }, (_, byte) => byte)
  const keys = all.filter((byte) => lower(byte) === byte)
  // At each place of a word, and in whole words as in the rest.
  for (const before of [0, 1, 2, 3, 4, 7, 8, 9]) {
    const text = (byte: number) => [...Array.from({ length: before }, () => 0x2d), byte, 0x2e]
    const made = keys.map((byte) => ({
      kind: 1,
      bytes: Uint8Array.from(text(byte)),
      exact: false,
      owner: byte + 1,
      tenant: 0,
    }))
    const table = new LabelTable(buildLabelTable(made, [[whole(1, false)]]))
    for (const byte of all) expect(find(table, 0, text(byte)), `${before} ${byte}`).toBe(lower(byte) + 1)
  }
})

test('keys that differ in case only are two where case counts', () => {
  const keys = ['ab', 'AB', 'aB'].map((text, index) => ({
    kind: 1,
    bytes: Buffer.from(text),
    exact: true,
    owner: index + 1,
    tenant: 0,
  }))
  const table = new LabelTable(buildLabelTable(keys, [[whole(1, true)]]))
  expect(['ab', 'AB', 'aB', 'Ab'].map((text) => find(table, 0, Buffer.from(text)))).toEqual([1, 2, 3, 0])
})

test('equal bytes of two kinds are two keys, and each stream sees its own kinds', () => {
  const keys = [1, 2].map((kind) => ({
    kind,
    bytes: Buffer.from('same'),
    exact: false,
    owner: kind,
    tenant: kind,
  }))
  const table = new LabelTable(
    buildLabelTable(keys, [[whole(1, false)], [whole(2, false)], [whole(3, false)], []]),
  )
  expect([0, 1, 2, 3, 4].map((stream) => find(table, stream, Buffer.from('same')))).toEqual([1, 2, 0, 0, 0])
  find(table, 1, Buffer.from('same'))
  expect(table.by).toBe('k2')
  find(table, 1, Buffer.from('other'))
  expect(table.by).toBe('')
})

test('a label longer than every key is not read, however long it is', () => {
  const table = new LabelTable(buildLabelTable([], [[whole(1, false)]]))
  expect(find(table, 0, Buffer.alloc(65_536, 'x'))).toBe(0)
  expect(find(table, 0, [])).toBe(0)
})

test('lone parts of one tenant agree, of two they do not', () => {
  const probes = [[lone(1, 'prefix'), lone(2, 'suffix')]]
  const table = new LabelTable(
    buildLabelTable([key(1, 'abc', 1, 0), key(2, 'xyz', 2, 0), key(2, 'uvw', 3, 1)], probes),
  )
  expect(find(table, 0, Buffer.from('abc-xyz'))).toBe(1)
  expect(table.by).toBe('prefix')
  expect(find(table, 0, Buffer.from('---uvw'))).toBe(3)
  expect(table.by).toBe('suffix')
  expect(find(table, 0, Buffer.from('abc-uvw'))).toBe(LABEL_AMBIGUOUS)
  expect(table.by).toBe('')
})

test('a hundred thousand keys are all found', () => {
  const keys = Array.from({ length: 100_000 }, (_, index) => ({
    kind: (index % 5) + 1,
    bytes: Buffer.from(`tenant-${index}-${(index * 2_654_435_761) % 4_294_967_296}`),
    exact: false,
    owner: index + 1,
    tenant: index,
  }))
  const table = new LabelTable(buildLabelTable(keys, [[1, 2, 3, 4, 5].map((kind) => whole(kind, false))]))
  expect(keys.every(({ bytes, owner }) => table.find(0, bytes, 0, bytes.length) === owner)).toBe(true)
})
