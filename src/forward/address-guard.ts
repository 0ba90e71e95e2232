/**
 * What an address must not be, looked at when it is connected to, because a name may have any (R59). To our own listeners nobody
 * sends: every event would come back. A tenant's name is in the hands of the tenant's name server, so it must not lead to this
 * machine itself, to a link-local address or to where a cloud hands out credentials; what operators wrote down as an address, and
 * the provider's names, may lead anywhere.
 */
import { isIP } from 'node:net'
import { tenantOf } from '../base/tenant.ts'
import { isLoopback, ownAddresses, reaches, special } from '../config/special-addresses.ts'

/** A listener of this router as it is bound. */
export interface OwnListener {
  readonly name: string
  readonly udp: boolean
  readonly host: string
  readonly port: number
}

/** Where somebody is about to send. */
export interface Aim {
  /** As the rules have it. */
  readonly host: string
  readonly address: string
  readonly port: number
  readonly udp: boolean
}

const PROVIDER = 'provider'

/** Why the forwarder must not send there; null when it may. */
export function refusal(
  forwarder: string,
  { host, address, port, udp }: Aim,
  listeners: readonly OwnListener[],
  own: () => readonly string[] = ownAddresses,
): string | null {
  const candidates = listeners.filter((one) => one.port === port && one.udp === udp)
  if (candidates.length > 0) {
    const addresses = own()
    const listener = candidates.find((one) => reaches(address, one.host, addresses))
    if (listener !== undefined)
      return `it is our own listener ${listener.name}, and every event would come back for ever`
  }
  if (isIP(host) !== 0 || tenantOf(forwarder) === PROVIDER) return null
  const what = special(address) ?? (isLoopback(address) && !isLoopback(host) ? 'this machine itself' : null)
  if (what === null) return null
  return `the name ${host} leads to ${what}, where no name of a tenant may lead; if it is meant, write the address instead of the name`
}
