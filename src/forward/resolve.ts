/**
 * Names to addresses for destinations (R26, R58): c-ares under a timeout, never `dns.lookup`, which would
 * occupy the four threads that the disk shares. Asked at each connect; answers are kept for their TTL, at
 * most {@link TTL_MAX_MS}; when asking fails, the last good answer serves, however old.
 */
import type { RecordWithTtl } from 'node:dns'
import { Resolver as CaresResolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { errorCode, errorText } from '../base/errors.ts'
import { HostsFile } from './hosts-file.ts'
import type { Resolver } from './types.ts'

const TTL_MIN_MS = 1000
const TTL_MAX_MS = 300_000
const NAMES_MAX = 4096
const TIMEOUT_MS = 2500
const TRIES = 2
/** Queries on their way at once; a hanging name server then costs waiting, not memory. */
const ASKING_MAX = 32

/** The two questions that DNS is asked; c-ares has them, tests fake them. */
export interface NameServer {
  resolve4(name: string): Promise<readonly RecordWithTtl[]>
  resolve6(name: string): Promise<readonly RecordWithTtl[]>
}

interface Answer {
  readonly addresses: readonly string[]
  readonly until: number
}

export class CachedResolver implements Resolver {
  readonly #clock: Clock
  readonly #server: NameServer
  readonly #hosts: Pick<HostsFile, 'find'>
  readonly #answers = new Map<string, Answer>()
  readonly #asking = new Map<string, Promise<readonly string[]>>()

  constructor(
    clock: Clock,
    server: NameServer = cares(),
    hosts: Pick<HostsFile, 'find'> = new HostsFile(clock),
  ) {
    this.#clock = clock
    this.#server = server
    this.#hosts = hosts
  }

  async resolve(host: string): Promise<readonly string[]> {
    const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
    if (isIP(literal) !== 0) return [literal]
    const listed = await this.#hosts.find(host)
    if (listed !== undefined) return listed
    const name = host.toLowerCase()
    const known = this.#answers.get(name)
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.addresses
    let asked = this.#asking.get(name)
    if (asked === undefined) {
      if (this.#asking.size >= ASKING_MAX) {
        if (known !== undefined) return known.addresses
        throw new Error(
          `the name ${host} was not asked for: ${ASKING_MAX} other names wait for the name server`,
        )
      }
      asked = this.#ask(name).finally(() => this.#asking.delete(name))
      this.#asking.set(name, asked)
    }
    return asked
  }

  async #ask(name: string): Promise<readonly string[]> {
    const [four, six] = await Promise.allSettled([this.#server.resolve4(name), this.#server.resolve6(name)])
    const records = [four, six].flatMap((got) => (got.status === 'fulfilled' ? got.value : []))
    if (records.length === 0) {
      const known = this.#answers.get(name)
      if (known !== undefined) return known.addresses
      throw new Error(`the name ${name} has no address: ${whyNone(four, six)}`)
    }
    const ttl = Math.min(...records.map((record) => record.ttl)) * 1000
    const until = this.#clock.monotonic() + Math.min(Math.max(ttl, TTL_MIN_MS), TTL_MAX_MS)
    this.#answers.delete(name)
    this.#answers.set(name, { addresses: records.map((record) => record.address), until })
    if (this.#answers.size > NAMES_MAX) {
      const [oldest] = this.#answers.keys()
      if (oldest !== undefined) this.#answers.delete(oldest)
    }
    return records.map((record) => record.address)
  }
}

function whyNone(...results: readonly PromiseSettledResult<unknown>[]): string {
  for (const result of results) {
    if (result.status === 'fulfilled') continue
    const code = errorCode(result.reason)
    if (code === 'ENOTFOUND') return 'DNS does not know it'
    if (code === 'ETIMEOUT') return 'the name server does not answer'
    if (code !== 'ENODATA') return errorText(result.reason)
  }
  return 'DNS knows it without an address'
}

function cares(): NameServer {
  const resolver = new CaresResolver({ timeout: TIMEOUT_MS, tries: TRIES })
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
  }
}

/** Names are asked for once a thread, whichever destination asks. */
const resolvers = new WeakMap<Clock, Resolver>()

export function sharedResolver(clock: Clock): Resolver {
  let resolver = resolvers.get(clock)
  if (resolver === undefined) {
    resolver = new CachedResolver(clock)
    resolvers.set(clock, resolver)
  }
  return resolver
}
