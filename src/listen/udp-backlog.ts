/**
 * When is everything out of a `dgram` socket that lay in it at some moment? Nobody tells, but libuv reads at most
 * {@link READ_MAX} datagrams of a socket in one turn of the loop and stops earlier only when there is none: after a
 * turn with fewer the socket was empty. It also holds no more than its buffer has room for.
 */

/** Datagrams that libuv takes from one socket in a turn of the loop (`uv__udp_recvmsg`); a test holds this to be so. */
export const READ_MAX = 32
/** Such turns in a row: a datagram that another processor is just putting there has come by the second. */
const EMPTY_TURNS = 2
/** The least memory that the kernel counts for a datagram. */
const DATAGRAM_COST = 512

/** The most datagrams that a receive buffer holds; `granted`: what `getRecvBufferSize` answers. */
export function datagramsIn(granted: number): number {
  return Math.ceil(granted / DATAGRAM_COST) + 1
}

/**
 * Calls `act` once, when all is out that lies in the socket now. `taken` answers how many datagrams were read from it
 * so far, `most` how many it can hold.
 */
export function afterBacklog(taken: () => number, most: number, act: () => void): void {
  const first = taken()
  let before = first
  let empty = -1
  const look = (): void => {
    const now = taken()
    // The first look ends the turn at hand, in which the socket may have been read before this was asked.
    empty = empty >= 0 && now - before >= READ_MAX ? 0 : empty + 1
    before = now
    if (empty >= EMPTY_TURNS || now - first >= most) act()
    else setImmediate(look)
  }
  setImmediate(look)
}
