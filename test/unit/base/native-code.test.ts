import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { nativeCode } from '../../../src/base/native-code.ts'
import { nativeAddress, nativeInts, SLOTS_AT } from '../../../src/base/native-memory.ts'
import { NATIVE_WASM } from '../../../src/base/native-wasm.ts'

test('what the compiled code keeps for itself ends before the numbers of others begin', () => {
  const memory = nativeCode()?.native.memory
  if (memory === undefined) throw new Error('this machine runs no compiled code')
  const made = new WebAssembly.Module(Buffer.from(NATIVE_WASM, 'base64'))
  const { exports } = new WebAssembly.Instance(made, { env: { memory } })
  expect(Number((exports['__heap_base'] as { readonly value: unknown }).value)).toBeLessThanOrEqual(SLOTS_AT)
})

test('numbers get places of their own, and memory of their own once there are no more', () => {
  const all = Array.from({ length: 40 }, () => nativeInts(400))
  const places = all.map(nativeAddress).filter((at) => at >= 0)
  expect(places.length).toBeGreaterThan(0)
  expect(places.length).toBeLessThan(all.length)
  for (const [n, at] of places.slice(1).entries()) expect(at - (places[n] ?? 0)).toBeGreaterThanOrEqual(1600)
  for (const ints of all) expect(ints).toHaveLength(400)
})
