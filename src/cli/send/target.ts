/** Where `send` sends: reads the URL. */
import { LogweirError } from '../../base/errors.ts'

const SCHEMES = ['udp', 'tcp', 'tls', 'relp', 'relp-tls', 'cfapi', 'cfapi-tls'] as const
type Scheme = (typeof SCHEMES)[number]

export interface SendTarget {
  readonly scheme: Scheme
  readonly host: string
  readonly port: number
  readonly shown: string
}

export type SendFraming = 'newline' | 'octet-counting' | 'none'

const MEND = 'give udp://, tcp://, tls://, relp://, relp-tls://, cfapi:// or cfapi-tls://HOST:PORT'

/** Reads `tcp://127.0.0.1:5514`. @throws {LogweirError} when it is no place to send to. */
export function parseTarget(text: string | undefined): SendTarget {
  if (text === undefined) throw usage('`send` needs to know where to: `--to URL` is missing', MEND)
  const named = /^([a-z][a-z-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  const scheme = SCHEMES.find((one) => one === named)
  if (scheme === undefined) throw usage(`cannot send to "${text}"`, MEND)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '' || url.username !== '' || !['', '/'].includes(url.pathname)) {
    throw usage(`cannot send to "${text}"`, MEND)
  }
  if (url.port === '' || url.port === '0') throw usage(`"${text}" names no port`, MEND)
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : decodeURIComponent(url.hostname)
  return { scheme, host, port: Number(url.port), shown: `${scheme}://${url.host}` }
}

/** The framing that was asked for, or the usual one of the transport. */
export function framingOf(target: SendTarget, asked: string | undefined): SendFraming {
  if (target.scheme === 'udp') {
    if (asked !== undefined)
      throw usage('a datagram is a message: udp has no framing', 'leave out `--framing`')
    return 'none'
  }
  if (target.scheme === 'cfapi' || target.scheme === 'cfapi-tls') {
    if (asked !== undefined)
      throw usage('events stand in JSON: cfapi has no framing', 'leave out `--framing`')
    return 'none'
  }
  if (target.scheme === 'relp' || target.scheme === 'relp-tls') {
    if (asked !== undefined) throw usage('RELP has frames of its own', 'leave out `--framing`')
    return 'none'
  }
  if (asked === 'newline' || asked === 'octet-counting') return asked
  return target.scheme === 'tls' ? 'octet-counting' : 'newline'
}

function usage(message: string, mend: string): LogweirError {
  return new LogweirError('LW_USAGE', message, mend)
}
