/** Ways to end a connection that is still good. */
import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'

const QUIET_CLOSE_MS = 5000

/** Ends a connection that owes nothing; a peer that does not answer is forgotten after five seconds. */
export function closeQuietly(socket: Socket, clock: Clock): void {
  socket.on('error', ignore)
  const timer = clock.after(QUIET_CLOSE_MS, () => socket.destroy())
  socket.once('close', () => timer.cancel())
  socket.resume()
  socket.end()
}

/**
 * Ends a connection after everything was written, and waits for the peer to end its side, `grace_ms` at most.
 * True when it did so cleanly: it has then read everything up to our end, because a receiver that closes with
 * bytes unread resets (RFC 1122, 4.2.2.13).
 */
export function finish(socket: Socket, clock: Clock, grace_ms: number): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    let clean = true
    const end = (result: boolean): void => {
      timer.cancel()
      socket.removeListener('end', onEnd)
      socket.removeListener('error', onError)
      socket.removeListener('close', onClose)
      socket.on('error', ignore)
      resolve(result)
    }
    const onError = (): void => {
      clean = false
    }
    const onEnd = (): void => {
      // It closed by itself while we were still writing: what it read is not known.
      if (!socket.writableFinished) clean = false
    }
    const onClose = (): void => end(clean && socket.writableFinished)
    const timer = clock.after(grace_ms, () => end(false))
    socket.on('end', onEnd)
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.resume()
    socket.end()
  })
}

function ignore(): void {}
