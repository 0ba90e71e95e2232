/**
 * Where forwarders send: two tenants to one place, ourselves, and addresses that no destination has. Only what the rules
 * say is looked at; what names resolve to is known when a connection is made.
 */
import type { Finding, Place } from '../config/findings.ts'
import { isLoopback, ownAddresses, reaches, special } from '../config/special-addresses.ts'
import type { Settings } from '../config/types.ts'
import { atPlace } from './compile-checks.ts'
import type { Target } from './forwarder-settings.ts'
import type { ForwarderModel, RulesModel } from './model.ts'

/** Findings of one kind told. */
const TOLD_MAX = 50

interface Sending {
  readonly key: string
  /** Null: the provider. */
  readonly tenant: string | null
  readonly forwarder: ForwarderModel
  /** Its destination, or one of them. */
  readonly target: Target
  /** The host of the destination; null: a file. */
  readonly host: string | null
  readonly port: number
}

/** `own`: this machine's addresses; left out: what the system says. */
export function checkDestinations(
  model: RulesModel,
  { listeners }: Pick<Settings, 'listeners'>,
  own: readonly string[] = ownAddresses(),
): Finding[] {
  const all = sendings(model)
  return [...checkShared(all), ...checkLoops(all, listeners, own), ...checkAddresses(all)]
}

function sendings({ tenants, provider }: RulesModel): Sending[] {
  const of = (tenant: string | null, forwarder: ForwarderModel): Sending[] => {
    const { to, failover } = forwarder.settings
    const key = `${tenant ?? 'provider'}/${forwarder.name}`
    return [to, ...failover].map((target) => ({ key, tenant, forwarder, target, ...hostOf(target) }))
  }
  return [
    ...tenants.flatMap(({ name, forwarders }) => forwarders.flatMap((forwarder) => of(name, forwarder))),
    ...provider.flatMap((forwarder) => of(null, forwarder)),
  ]
}

function hostOf(to: Target): { readonly host: string | null; readonly port: number } {
  if ('host' in to) return { host: to.host, port: to.port }
  if (!('url' in to)) return { host: null, port: 0 }
  const { hostname, port, protocol } = new URL(to.url)
  const standard = protocol === 'https:' ? 443 : 80
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || standard }
}

// ---- two tenants, one destination ------------------------------------------------------------------

/** One tenant's events at another's destination is the worst that a copied line can do: both must say that they mean it. */
function checkShared(all: readonly Sending[]): Finding[] {
  const first = new Map<string, Sending>()
  const findings: Finding[] = []
  for (const sending of all) {
    if (sending.tenant === null || sending.host === null) continue
    const destination = identity(sending)
    const earlier = first.get(destination)
    if (earlier === undefined) {
      first.set(destination, sending)
      continue
    }
    const agreed = sending.forwarder.shared_destination ?? null
    if (earlier.tenant === sending.tenant) continue
    if (agreed !== null && agreed === earlier.forwarder.shared_destination) continue
    if (findings.length >= TOLD_MAX) break
    const { place } = sending.forwarder
    const message = `forwarders "${earlier.key}" and "${sending.key}" of two tenants send to the same destination`
    const hint = `correct one of them (the first is at ${atPlace(earlier.forwarder.place)}); if it is meant, write the same \`shared_destination: NAME\` in both`
    findings.push(finding(isLoopback(sending.host) ? 'warning' : 'error', place, message, hint))
  }
  return findings
}

/** What tells destinations apart: address, where from, and what a collector of many tenants tells them by. */
function identity({ forwarder: { settings }, target: to, tenant, host, port }: Sending): string {
  const { from_address, http } = settings
  if (!('url' in to)) return JSON.stringify([to.scheme === 'udp', host?.toLowerCase(), port, from_address])
  const { token, login, headers, hec, elasticsearch } = http
  const index = hec?.index ?? elasticsearch?.index ?? ''
  const own = index.includes('{tenant}') ? tenant : null
  return JSON.stringify([to.url.toLowerCase(), from_address, token, login, headers, index, own])
}

// ---- ourselves -------------------------------------------------------------------------------------

const TRANSPORTS: Readonly<Record<string, readonly string[]>> = {
  udp: ['udp'],
  tcp: ['tcp', 'tls'],
  tls: ['tcp', 'tls'],
  relp: ['relp', 'relp-tls'],
  'relp-tls': ['relp', 'relp-tls'],
  http: ['cfapi', 'cfapi-tls'],
  https: ['cfapi', 'cfapi-tls'],
}

/** What comes back is forwarded again, and again: one event fills the network. */
function checkLoops(
  all: readonly Sending[],
  listeners: Settings['listeners'],
  own: readonly string[],
): Finding[] {
  return all
    .flatMap(({ key, forwarder, target, host, port }): Finding[] => {
      if (host === null) return []
      const transports = TRANSPORTS[target.scheme] ?? []
      const listener = listeners.find(
        (one) => one.port === port && transports.includes(one.transport) && reaches(host, one.host, own),
      )
      if (listener === undefined) return []
      const message = `forwarder "${key}" sends to our own listener ${listener.name}: every event would come back for ever`
      return [finding('error', forwarder.place, message, 'name another destination, or another port')]
    })
    .slice(0, TOLD_MAX)
}

// ---- addresses that no destination has ---------------------------------------------------------------

function checkAddresses(all: readonly Sending[]): Finding[] {
  return all
    .flatMap(({ key, tenant, forwarder, host }): Finding[] => {
      const what = host === null ? undefined : special(host)
      if (host === null || what === undefined) return []
      const message = `forwarder "${key}" sends to ${host}, ${what}`
      const hint = 'name the address of the destination'
      return [finding(tenant === null ? 'warning' : 'error', forwarder.place, message, hint)]
    })
    .slice(0, TOLD_MAX)
}

function finding(
  level: Finding['level'],
  { file, line, column }: Place,
  message: string,
  hint: string,
): Finding {
  return { level, file, line, column, message, hint }
}
