/**
 * Names to addresses for destinations (R26, R58): c-ares under a timeout, never `dns.lookup`, which would
 * occupy the four threads that the disk shares. Asked at each connect; answers are kept for their TTL, at
 * most {@link TTL_MAX_MS}; when asking fails, the last good answer serves, however old.
 */
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { errorCode, errorText } from '../base/errors.ts'
import { tenantOf } from '../base/tenant.ts'
import { HostsFile } from './hosts-file.ts'
import { type NameServer, SystemNames } from './name-server.ts'
import type { Resolver } from './types.ts'

const TTL_MIN_MS = 1000
const TTL_MAX_MS = 300_000
const NAMES_MAX = 4096
/** Names on their way to the name server at once; one that hangs then costs waiting, not memory. */
const ASKING_MAX = 64
/** Of these for the forwarders of one tenant: names that hang must not keep others' from being asked (R25). */
const TENANT_MAX = 16

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
  /** Names on their way by the tenant who asked for them first. */
  readonly #asked_by = new Map<string, number>()

  constructor(
    clock: Clock,
    server: NameServer = new SystemNames(clock),
    hosts: Pick<HostsFile, 'find'> = new HostsFile(clock),
  ) {
    this.#clock = clock
    this.#server = server
    this.#hosts = hosts
  }

  /** The same names and answers, asked for by a forwarder of this tenant. */
  of(tenant: string): Resolver {
    return { resolve: (host) => this.resolve(host, tenant) }
  }

  async resolve(host: string, tenant = ''): Promise<readonly string[]> {
    const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
    if (isIP(literal) !== 0) return [literal]
    const listed = await this.#hosts.find(host)
    if (listed !== undefined) return listed
    const name = host.toLowerCase()
    const known = this.#answers.get(name)
    if (known !== undefined && this.#clock.monotonic() < known.until) return known.addresses
    let asked = this.#asking.get(name)
    if (asked === undefined) {
      const before = this.#asked_by.get(tenant) ?? 0
      if (this.#asking.size >= ASKING_MAX || before >= TENANT_MAX) {
        if (known !== undefined) return known.addresses
        const others =
          before >= TENANT_MAX ? `${TENANT_MAX} other names of its tenant` : `${ASKING_MAX} other names`
        throw new Error(`the name ${host} was not asked for: ${others} wait for the name server`)
      }
      this.#asked_by.set(tenant, before + 1)
      asked = this.#ask(name).finally(() => this.#answered(name, tenant))
      this.#asking.set(name, asked)
    }
    return asked
  }

  #answered(name: string, tenant: string): void {
    this.#asking.delete(name)
    const left = (this.#asked_by.get(tenant) ?? 1) - 1
    if (left === 0) this.#asked_by.delete(tenant)
    else this.#asked_by.set(tenant, left)
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

/** Names are asked for once a thread, whichever destination asks. */
const resolvers = new WeakMap<Clock, CachedResolver>()

/** For a forwarder `tenant/name`. */
export function sharedResolver(clock: Clock, forwarder: string): Resolver {
  let resolver = resolvers.get(clock)
  if (resolver === undefined) {
    resolver = new CachedResolver(clock)
    resolvers.set(clock, resolver)
  }
  return resolver.of(tenantOf(forwarder))
}
