/** The bytes that a command reads: a file, or standard input. */
import { Buffer } from 'node:buffer'
import { statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errorText, LogweirError } from '../base/errors.ts'

const CHUNK = 256 * 1024

export interface Input {
  /** `standard input` or the file's name. */
  readonly name: string
  /** Bytes, when it is a file; null when nobody knows. */
  readonly size: number | null
  /** The bytes in turn; each chunk is good until the next is asked for. */
  chunks(): AsyncIterable<Buffer>
}

/** Standard input without `file`, or with `-`. @throws {LogweirError} when the file cannot be read. */
export function openInput(file: string | undefined): Input {
  if (file === undefined || file === '-') {
    if (process.stdin.isTTY) process.stderr.write('reading lines from the terminal; Ctrl-D ends them\n')
    return { name: 'standard input', size: null, chunks: () => process.stdin as AsyncIterable<Buffer> }
  }
  try {
    const stat = statSync(file)
    if (stat.isDirectory()) throw new Error('it is a folder')
    return { name: file, size: stat.isFile() ? stat.size : null, chunks: () => readFile(file) }
  } catch (error) {
    throw unreadable(file, error)
  }
}

async function* readFile(file: string): AsyncGenerator<Buffer> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file)
    // One buffer for all of it: gigabytes of them would be the collector's work, and memory until it does it.
    const buffer = Buffer.allocUnsafeSlow(CHUNK)
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, null)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } catch (error) {
    throw unreadable(file, error)
  } finally {
    await handle?.close()
  }
}

function unreadable(file: string, error: unknown): LogweirError {
  return new LogweirError(
    'LW_INPUT',
    `cannot read ${file}: ${errorText(error)}`,
    'name a file that can be read',
  )
}
