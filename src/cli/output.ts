/** Where commands write: results to stdout, everything else to stderr. */
import { once } from 'node:events'
import { styleText } from 'node:util'

/** A line to people, on stderr. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** A line of results, on stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Colours a text for a stream: only on a terminal, and not with NO_COLOR. */
export function paint(
  style: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(style, text, { stream })
}

/** Whether the stream shows colours: what `styleText` decides, asked once. */
export function hasColor(stream: NodeJS.WriteStream): boolean {
  return styleText('red', '', { stream }) !== ''
}

/** Writes results and waits while the reader is behind. The bytes must not change before it settles. */
export async function write(bytes: Uint8Array): Promise<void> {
  if (!process.stdout.write(bytes)) await once(process.stdout, 'drain')
}

/** `| head` is no error: a reader that has seen enough ends the command. */
export function endQuietlyWithoutReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** Waits until everything written has left the process. */
export function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => done())
  })
}
