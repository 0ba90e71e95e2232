/** The bytes that a command reads: a file, or standard input. */
import type { Buffer } from 'node:buffer'
import { createReadStream, statSync } from 'node:fs'
import { errorText, LogweirError } from '../base/errors.ts'

const CHUNK = 256 * 1024

export interface Input {
  /** `standard input` or the file's name. */
  readonly name: string
  /** Bytes, when it is a file; null when nobody knows. */
  readonly size: number | null
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
  try {
    yield* createReadStream(file, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, error: unknown): LogweirError {
  return new LogweirError(
    'LW_INPUT',
    `cannot read ${file}: ${errorText(error)}`,
    'name a file that can be read',
  )
}
