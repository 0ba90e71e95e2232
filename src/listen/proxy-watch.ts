/**
 * Sees a PROXY header where none belongs: from a peer that is no balancer, or a second one behind the first. Taken as an
 * event it would hide that a balancer is missing in `proxy_from`, and that somebody tries to pass for another sender.
 */
import { Buffer } from 'node:buffer'
import { V2_SIGNATURE } from './proxy-header.ts'

/** Longer than the word alone: a line of text may begin with `PROXY `. */
const OPENINGS = [
  V2_SIGNATURE,
  Buffer.from('PROXY TCP4 ', 'latin1'),
  Buffer.from('PROXY TCP6 ', 'latin1'),
  Buffer.from('PROXY UNKNOWN', 'latin1'),
]

/** Of one connection, from its first byte on; of no use any more once it has answered `honest` or `forged`. */
export class ProxyWatch {
  #matched = 0
  #left: readonly Buffer[] = OPENINGS

  /** `forged` at the latest with the byte that completes the opening, before anything of it is an event. */
  push(chunk: Buffer): 'more' | 'honest' | 'forged' {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      const matched = this.#matched
      this.#left = this.#left.filter((opening) => opening[matched] === byte)
      this.#matched++
      if (this.#left.length === 0) return 'honest'
      if (this.#left.some((opening) => opening.length === this.#matched)) return 'forged'
    }
    return 'more'
  }
}
