/** What disks, people and other programs do to the files of a spool. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { MiB, OpenSpool, row } from './spools.ts'

export const KEY = 'acme/siem'
/** Its folder, in a data folder. */
export const CHAIN: string = join('spool', '0', 'acme%2fsiem')

/** A chain of `count` batches in files of about eight. */
export function buildChain(folder: string, count: number, bytes = 30_000): void {
  using open = new OpenSpool(folder)
  for (let n = 0; n < count; n++) {
    const result = open.spool.write(KEY, [row(n, KEY, 2, bytes)], 2 * MiB)
    expect(result.outcome).toBe('committed')
  }
}

export function chainFiles(folder: string): string[] {
  return readdirSync(join(folder, CHAIN)).filter((name) => name.endsWith('.db'))
}

/** A small generator that gives the same numbers each time. */
export function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % below
  }
}

/** One of the things that disks, people and other programs do to files. */
export function damageSpool(folder: string, pick: (below: number) => number): void {
  const worker = join(folder, 'spool', '0')
  const candidates = [
    ...chainFiles(folder).map((name) => join(folder, CHAIN, name)),
    join(worker, 'cursors.db'),
    join(worker, 'stop-1.db'),
  ]
  const path = candidates[pick(candidates.length)] as string
  if (!existsSync(path) || !statSync(path).isFile()) return
  const { size } = statSync(path)
  // Its holes would be written out, or filled.
  if (size > 64 * MiB) return
  const acts: (() => void)[] = [
    () => truncateSync(path, 0),
    () => truncateSync(path, pick(size + 1)),
    () => truncateSync(path, size + 1 + pick(MiB)),
    () => truncateSync(path, 10_000 * MiB),
    () => writeFileSync(path, Buffer.alloc(size, pick(256))),
    () => patch(path, pick(size), Buffer.from(Array.from({ length: 64 }, () => pick(256)))),
    () => patch(path, 0, Buffer.from(Array.from({ length: 100 }, () => pick(256)))),
    () => patch(path, 18, Buffer.from([pick(256), pick(256)])),
    () => patch(path, 100, Buffer.from(Array.from({ length: 200 }, () => pick(256)))),
    () => patch(path, 60, Buffer.from([0, 0, 0, pick(4)])),
    () => unlinkSync(path),
    () => replaceBy(path, () => mkdirSync(path)),
    () => replaceBy(path, () => symlinkSync('/etc/passwd', path)),
    () => replaceBy(path, () => symlinkSync(path, path)),
    () => replaceBy(path, () => execFileSync('mkfifo', [path])),
    () => writeFileSync(`${path}-journal`, Buffer.from(Array.from({ length: 600 }, () => pick(256)))),
    () => symlinkSync('/etc/passwd', `${path}-journal`),
    () => copyFileSync(path, join(folder, CHAIN, `0000000000000003.${pick(1_000_000)}.db`)),
    () => chmodSync(path, 0),
    () => writeFileSync(join(folder, CHAIN, 'note.txt'), 'hello'),
    () => replaceBy(join(folder, CHAIN), () => symlinkSync('/etc', join(folder, CHAIN))),
  ]
  try {
    acts[pick(acts.length)]?.()
  } catch {
    // A second mutation may meet what the first one left.
  }
}

function replaceBy(path: string, act: () => void): void {
  execFileSync('rm', ['-rf', path])
  act()
}

export function patch(path: string, at: number, bytes: Buffer): void {
  const all = readFileSync(path)
  bytes.copy(all, at)
  writeFileSync(path, all)
}
