/**
 * The system's name servers by c-ares, which reads `/etc/resolv.conf` once: when that file has changed, a new one is made, so
 * that a router that started before its network, or whose name servers were replaced, need not be started again.
 */
import type { RecordWithTtl } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import { stat } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'

const TIMEOUT_MS = 2500
const TRIES = 2
const FILE = '/etc/resolv.conf'
const LOOK_EVERY_MS = 5000

/** The two questions that DNS is asked. */
export interface NameServer {
  resolve4(name: string): Promise<readonly RecordWithTtl[]>
  resolve6(name: string): Promise<readonly RecordWithTtl[]>
}

export class SystemNames implements NameServer {
  readonly #clock: Clock
  #resolver: Resolver | undefined
  #stamp = ''
  #looked_at = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async resolve4(name: string): Promise<readonly RecordWithTtl[]> {
    const resolver = await this.#refresh()
    return resolver.resolve4(name, { ttl: true })
  }

  async resolve6(name: string): Promise<readonly RecordWithTtl[]> {
    const resolver = await this.#refresh()
    return resolver.resolve6(name, { ttl: true })
  }

  async #refresh(): Promise<Resolver> {
    const now = this.#clock.monotonic()
    if (now - this.#looked_at >= LOOK_EVERY_MS) {
      this.#looked_at = now
      const stamp = await stampOf()
      // Questions that are on their way keep their resolver.
      if (stamp !== this.#stamp) this.#resolver = undefined
      this.#stamp = stamp
    }
    this.#resolver ??= new Resolver({ timeout: TIMEOUT_MS, tries: TRIES })
    return this.#resolver
  }
}

/** What tells one state of the file from another. */
async function stampOf(): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(FILE)
    return `${ino} ${size} ${mtimeMs}`
  } catch {
    return 'none'
  }
}
