/**
 * What lies under a `dgram` socket. None of it is documented, so all of it is looked at before it is used, and `undefined`
 * is an answer that every caller can live with.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:dgram'
import { readFileSync, readSync } from 'node:fs'
import { errorCode } from '../base/errors.ts'

/** The largest datagram, and a little. */
const DATAGRAM_BYTES = 65_536
/** File status flag of open(2), in octal as `/proc/self/fdinfo` writes it. */
const O_NONBLOCK = 0o4000

/** One buffer for all datagrams of the thread: each leaves it before the next is read. */
export const datagram = Buffer.allocUnsafeSlow(DATAGRAM_BYTES)

/** A socket that can be read without `dgram`. */
export interface UdpHandle {
  readonly fd: number
  recvStart(): unknown
  recvStop(): unknown
}

/** The handle under a bound socket; undefined when it is not what this needs. */
export function udpHandle(socket: Socket): UdpHandle | undefined {
  if (process.platform !== 'linux') return undefined
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  if (symbol === undefined) return undefined
  const state = (socket as unknown as Record<symbol, { handle?: unknown } | undefined>)[symbol]
  const handle = state?.handle as Partial<UdpHandle> | null | undefined
  const usable =
    typeof handle?.fd === 'number' &&
    handle.fd >= 0 &&
    typeof handle.recvStart === 'function' &&
    typeof handle.recvStop === 'function'
  // A read of a blocking socket would stop the thread.
  return usable && neverBlocks(handle.fd) ? (handle as UdpHandle) : undefined
}

function neverBlocks(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & O_NONBLOCK) !== 0
  } catch {
    return false
  }
}

/**
 * Reads one datagram into {@link datagram}: its bytes, or -1 when there is none.
 * @throws what the system answered.
 */
export function readDatagram(fd: number): number {
  try {
    return readSync(fd, datagram, 0, DATAGRAM_BYTES, null)
  } catch (error) {
    if (errorCode(error) === 'EAGAIN') return -1
    throw error
  }
}
