/** Addresses that mean something to whoever sends there: this machine, its listeners, and those that no destination has. */
import { networkInterfaces } from 'node:os'
import { parseAddress, within } from './addresses.ts'

/** Where clouds hand out credentials to whoever asks. */
const METADATA: readonly string[] = ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200']
const METADATA_NAMES = /^(metadata|metadata\.google\.internal|instance-data)\.?$/i
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'] as const
const NOBODYS = ['0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', 'ff00::/8', '::/128'] as const
const LOOPBACK = ['127.0.0.0/8', '::1/128'] as const

/** What is wrong with a host, a name or an address, as a destination; undefined when nothing is. */
export function special(host: string): string | undefined {
  const address = parseAddress(host)
  if (address === undefined)
    return METADATA_NAMES.test(host) ? 'where a cloud hands out credentials' : undefined
  if (METADATA.includes(address)) return 'where a cloud hands out credentials'
  if (isWithin(address, LINK_LOCAL)) return 'a link-local address'
  return isWithin(address, NOBODYS) ? 'an address that no single machine has' : undefined
}

export function isLoopback(host: string): boolean {
  const address = parseAddress(host)
  return address === undefined ? /^localhost\.?$/i.test(host) : isWithin(address, LOOPBACK)
}

/** Whether a socket that is bound to `bound` takes what is sent to `host`; `own`: this machine's addresses. */
export function reaches(host: string, bound: string, own: readonly string[]): boolean {
  const address = host.toLowerCase() === 'localhost' ? '127.0.0.1' : parseAddress(host)
  if (address === undefined) return false
  if (address === bound) return true
  const any = bound === '::' || bound === '0.0.0.0'
  return any && (isLoopback(address) || own.includes(address))
}

/** This machine's addresses. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return all.flatMap(({ address }) => parseAddress(address.replace(/%.*$/, '')) ?? [])
}

function isWithin(address: string, networks: readonly string[]): boolean {
  const one = `${address}/${address.includes(':') ? 128 : 32}`
  return networks.some((network) => within(one, network))
}
