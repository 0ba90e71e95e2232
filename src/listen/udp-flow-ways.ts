/**
 * How a second socket on a listener's port is bound before it is connected to one sender (`udp-flow.ts`).
 *
 * Sockets that share a port and an address are one group, over which Linux spreads senders by a hash: between its bind
 * and its connect the second would get datagrams of anybody, which are then read later than what follows them. A
 * socket that is no member of the listener's group, and does not fit a datagram better, gets none as long as it
 * stands behind the listener's in the kernel's list, and IPv6 sockets that share their port are put at its end. Once it is
 * connected it has one concrete address, fits the sender's datagrams best, and is found first.
 */
import { isIPv4 } from 'node:net'
import { plainAddress } from './prefixes.ts'

/** One way to bind it. */
export interface FlowWay {
  readonly type: 'udp4' | 'udp6'
  readonly host: string
  readonly ipv6Only: boolean
  /** The address that it must have once it is connected; null: the listener has every address. */
  readonly local: string | null
  /** The sender's address as this socket has to have it. */
  connectTo(address: string): string
  /** A sender's address as the listener's own socket would say it. */
  sentFrom(address: string): string
}

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/**
 * The ways in the order in which they are tried. `local` is the address of the listener's socket, as the system says
 * it; `sender` the sender's, as a datagram came with it.
 */
export function flowWays(type: 'udp4' | 'udp6', local: string, sender: string): readonly FlowWay[] {
  const must = ANY.has(local) ? null : plainAddress(local)
  const apart: FlowWay = isIPv4(plainAddress(sender))
    ? {
        type: 'udp6',
        host: '::ffff:0.0.0.0',
        ipv6Only: false,
        local: must,
        connectTo: (address) => `::ffff:${plainAddress(address)}`,
        sentFrom: type === 'udp4' ? plainAddress : asItIs,
      }
    : { type: 'udp6', host: '::', ipv6Only: true, local: must, connectTo: asItIs, sentFrom: asItIs }
  // In the listener's group: without IPv6, or where the system would choose another address of several.
  const together: FlowWay = {
    type,
    host: local,
    ipv6Only: false,
    local: must,
    connectTo: asItIs,
    sentFrom: asItIs,
  }
  return [apart, together]
}

function asItIs(address: string): string {
  return address
}
