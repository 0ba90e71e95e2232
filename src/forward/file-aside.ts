/**
 * Files put aside: `out.log` becomes `out.log.1`, that `out.log.2`, up to `keep` old ones, compressed ones with `.gz`
 * behind the number.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { errorCode } from '../base/errors.ts'

/** Puts `path` aside; the oldest goes, and with `keep` 0 it itself. */
export async function putAside(path: string, keep: number): Promise<void> {
  if (keep === 0) return rm(path, { force: true })
  // What a crash left half compressed.
  await rm(`${path}.1.gz.part`, { force: true })
  await rm(`${path}.${keep}`, { force: true })
  await rm(`${path}.${keep}.gz`, { force: true })
  for (let n = keep - 1; n >= 1; n -= 1) {
    await move(`${path}.${n}`, `${path}.${n + 1}`)
    await move(`${path}.${n}.gz`, `${path}.${n + 1}.gz`)
  }
  await move(path, `${path}.1`)
}

/** Compresses a file that was put aside; it is there under its old name until the compressed one is whole. */
export async function compressAside(path: string, mode: number): Promise<void> {
  const part = `${path}.gz.part`
  const { ino } = await stat(path)
  try {
    await pipeline(
      createReadStream(path),
      createGzip({ level: 6 }),
      createWriteStream(part, { flags: 'wx', mode, flush: true }),
    )
    await rename(part, `${path}.gz`)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  // Only the very file that was read.
  if ((await stat(path)).ino === ino) await rm(path, { force: true })
}

/** Makes names that were given or taken in a folder last over a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}
