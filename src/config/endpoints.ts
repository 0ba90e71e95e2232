/** `host:port` in its forms: listeners' and the admin's `bind`. */
import { parseAddress } from './addresses.ts'
import type { BindAddress } from './types.ts'

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** A DNS name: labels of letters, digits, `-` and `_`, 253 characters at most; not all digits and dots. */
const NAME =
  /^(?=.{1,253}$)(?![0-9.]+$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/

/** `10.0.0.1:514`, `[::1]:514`, `name:514`. Without a port, `port` is NaN. Undefined when it is none of these. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]{1,64})\]|([^:[\]\s/@]{1,255}))(?::([0-9]{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const [, bracketed, plain = '', digits] = match
  const port = digits === undefined ? Number.NaN : Number(digits)
  if (port > 65_535) return undefined
  if (bracketed !== undefined) {
    const address = bracketed.includes(':') ? parseAddress(bracketed) : undefined
    return address === undefined ? undefined : { host: address, port }
  }
  const host = parseAddress(plain) ?? (NAME.test(plain) ? plain : undefined)
  return host === undefined ? undefined : { host, port }
}

/** Where a listener binds: an address of this machine and a port (0: the system chooses). */
export function parseBind(text: string): HostPort | undefined {
  const bind = parseHostPort(text)
  return bind === undefined || Number.isNaN(bind.port) ? undefined : bind
}

/** Where the admin binds; a socket's path is left as written. */
export function parseAdminBind(text: string): BindAddress | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    return path === '' ? undefined : { kind: 'unix', path }
  }
  const bind = parseBind(text)
  return bind === undefined ? undefined : { kind: 'inet', ...bind }
}
