/** Chance that can be had again: every test that draws says its seed. */
import { Buffer } from 'node:buffer'

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The seed of this run: `LOGWEIR_SEED` to have a run again. */
export function runSeed(): number {
  const given = process.env['LOGWEIR_SEED']
  return given === undefined ? Math.floor(Math.random() * 0xffffffff) : Number(given)
}

/** `length` bytes. */
export function randomBytes(random: () => number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let n = 0; n < length; n++) bytes[n] = random() * 256
  return bytes
}
