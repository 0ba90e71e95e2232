/**
 * Which proxy stands between us and an HTTP destination: what the rules say, else what the environment says
 * (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, lower case first, as curl and undici read them). Pure.
 */
import { Buffer } from 'node:buffer'
import { BlockList, isIP } from 'node:net'
import type { Login, ProxyOptions } from '../rules/forwarder-settings.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Proxy {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly login: Login | null
  readonly ca: string | null
}

/**
 * The proxy for `url`, or null for none.
 * @throws Error in words when the environment names one that cannot be used: going without it was not asked for.
 */
export function proxyFor(
  setting: ProxyOptions | 'none' | null,
  url: URL,
  env: Environment = {},
): Proxy | null {
  if (setting === 'none') return null
  if (setting !== null) return proxyOf(new URL(setting.url), setting.login, setting.ca)
  const names = url.protocol === 'https:' ? ['https_proxy', 'all_proxy'] : ['http_proxy', 'all_proxy']
  const found = names.map((name) => lookUp(env, name)).find(([, value]) => value !== '')
  if (found === undefined) return null
  const [name, text] = found
  if (isExcluded(lookUp(env, 'no_proxy')[1], hostOf(url), portOf(url))) return null
  // curl takes a bare host and port for http.
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const parsed = URL.canParse(whole) ? new URL(whole) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '')
    throw new Error(`${name} names no http: or https: proxy`)
  const { username, password } = parsed
  const login = username === '' ? null : { username: decoded(username), password: decoded(password) }
  return proxyOf(parsed, login, null)
}

/** The value of `Proxy-Authorization` and `Authorization` for a user name and password (RFC 7617). */
export function basic(login: Login): string {
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
}

/** Whether `NO_PROXY` names the host: `*`, a name with its subdomains, an address or network, each with a port or without. */
export function isExcluded(list: string, host: string, port: number): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(entry)
      // An IPv6 address without brackets has colons and no port.
      const named = (match?.[1] ?? entry).replace(/^\[|\]$/g, '').toLowerCase()
      if (match?.[2] !== undefined && Number(match[2]) !== port) return false
      if (isIP(name) !== 0) return holds(named, name)
      const suffix = named.replace(/^\*?\./, '').replace(/\.$/, '')
      return suffix !== '' && (name === suffix || name.endsWith(`.${suffix}`))
    })
}

export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

function proxyOf(url: URL, login: Login | null, ca: string | null): Proxy {
  return { secure: url.protocol === 'https:', host: hostOf(url), port: portOf(url), login, ca }
}

/** The first of lower and upper case that is set, with its name. */
function lookUp(env: Environment, name: string): readonly [string, string] {
  const upper = name.toUpperCase()
  const lower = env[name]?.trim() ?? ''
  return lower === '' ? [upper, env[upper]?.trim() ?? ''] : [name, lower]
}

/** Whether an address or network holds an address. */
function holds(entry: string, address: string): boolean {
  const [base = '', bits] = entry.split('/')
  const family = isIP(base)
  if (family === 0) return false
  const list = new BlockList()
  const kind = family === 6 ? 'ipv6' : 'ipv4'
  const width = family === 6 ? 128 : 32
  const prefix = bits === undefined ? width : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefix < 0 || prefix > width) return false
  list.addSubnet(base, prefix, kind)
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
