/** How chunks come from a socket. */
import { Buffer } from 'node:buffer'
import net, { type Socket } from 'node:net'
import { nativeMemory, READ_BYTES } from '../base/native-memory.ts'

/** A socket and its bytes. A chunk is valid during the call only. Started again, another takes what comes from then on. */
export interface Reading {
  readonly socket: Socket
  start(act: (chunk: Buffer) => void): void
}

/** By `data` events: every chunk is a buffer of its own. */
export function eventReading(socket: Socket): Reading {
  let take: ((chunk: Buffer) => void) | undefined
  const start = (act: (chunk: Buffer) => void): void => {
    if (take === undefined) socket.on('data', (chunk: Buffer) => take?.(chunk))
    take = act
  }
  return { socket, start }
}

/** A reading some of whose bytes were read already: they come first. */
export function readingWith(reading: Reading, first: Buffer): Reading {
  const start = (act: (chunk: Buffer) => void): void => {
    reading.start(act)
    if (first.length > 0) act(first)
  }
  return { socket: reading.socket, start }
}

let shared: Buffer | undefined

interface WithHandle {
  _handle?: { useUserBuffer?: unknown } | null
}

/**
 * Into one buffer for all connections of the thread, which frames leave before the next read. Making a 64 KiB buffer
 * for every read costs more than framing it: 0.1 µs an event of 217 bytes, half of what reading costs at all.
 *
 * Node has this for sockets that are made (`onread`) but not for accepted ones, so the accepted socket's handle is
 * put into a socket that is made. The handle is no documented property: where it is not what is expected, chunks
 * come by events, as above. `accepted` must not have begun to read (`pauseOnConnect`); it is used up.
 */
export function sharedReading(accepted: Socket): Reading {
  const holder = accepted as unknown as WithHandle
  const handle = holder._handle
  if (typeof handle?.useUserBuffer !== 'function') {
    accepted.resume()
    return eventReading(accepted)
  }
  holder._handle = null
  // Without its handle this only takes it off the server's list.
  accepted.destroy()
  shared ??= nativeMemory()?.read ?? Buffer.allocUnsafeSlow(READ_BYTES)
  const buffer = shared
  let take: (chunk: Buffer) => void = ignore
  const callback = (bytes: number): boolean => {
    take(bytes === READ_BYTES ? buffer : buffer.subarray(0, bytes))
    return true
  }
  const options = { handle, onread: { buffer, callback } }
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts)
  const start = (act: (chunk: Buffer) => void): void => {
    take = act
    // Lets `end` through: bytes never pass the stream itself.
    socket.resume()
  }
  return { socket, start }
}

function ignore(): void {
  // Replaced before the first chunk.
}
