/** A forwarder's `to`: scheme and place. Messages never repeat more of it than the scheme: it may hold a password. */
import { dirname, resolve } from 'node:path'
import { parseHostPort } from '../config/endpoints.ts'
import { NOT_YET } from '../config/fields.ts'
import { meant } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { Target } from './forwarder-settings.ts'
import { patternProblem } from './file-pattern.ts'
import { LATER_SCHEMES } from './schema-forwarder.ts'

/** Ports that RFC 5426, 6587 (by custom) and 5425 give the transports, and librelp RELP. */
const PORTS = { udp: 514, tcp: 514, tls: 6514, relp: 514, 'relp-tls': 514 } as const
const SCHEMES: readonly string[] = ['udp', 'tcp', 'tls', 'relp', 'relp-tls', 'http', 'https', 'file']

/** The target, or undefined after reporting. */
export function readTarget(text: string, path: Path, report: Report): Target | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]{0,31}):(.*)$/s.exec(text)
  const scheme = match?.[1]?.toLowerCase() ?? ''
  const rest = match?.[2] ?? ''
  const fail = (message: string, hint = '', hide_source = false): undefined => {
    report.error(path, message, hint, { hide_source })
    return undefined
  }
  if (match === null)
    return fail('has no scheme', 'write for example tls://siem.example.com:6514 or file:var/out/all.log')
  if (/@/.test(rest) && scheme !== 'file') {
    return fail('holds a user name or password', 'use `token` or `headers` with { env: NAME }', true)
  }
  if (LATER_SCHEMES.includes(scheme))
    return fail(`scheme ${scheme} ${NOT_YET}`, `use one of ${SCHEMES.join(', ')}`)
  if (scheme === 'file') return fileTarget(rest, report.fileAt(path), fail)
  if (scheme === 'http' || scheme === 'https') return httpTarget(scheme, text, rest, fail)
  if (Object.hasOwn(PORTS, scheme)) return socketTarget(scheme as keyof typeof PORTS, rest, fail)
  return fail(`unknown scheme ${quoted(scheme)}`, meant(scheme, SCHEMES))
}

/** Further targets: each of the scheme of the first, and none twice. Wrong ones are reported and left out. */
export function readFailover(
  texts: readonly string[],
  first: Target,
  path: Path,
  report: Report,
): readonly Target[] {
  const seen = new Set([JSON.stringify(first)])
  if (texts.length > 0 && (first.scheme === 'file' || first.scheme === 'udp')) {
    const why =
      first.scheme === 'udp' ? 'over udp nobody says that an event did not come' : 'a file is one file'
    report.error(path, `has no meaning for ${first.scheme}: ${why}`, 'remove it', { at_key: true })
    return []
  }
  return texts.flatMap((text, n): Target[] => {
    const at = [...path, n]
    const target = readTarget(text, at, report)
    if (target === undefined) return []
    if (target.scheme !== first.scheme) {
      report.error(
        at,
        `scheme ${target.scheme} beside ${first.scheme}`,
        'all targets of a forwarder have one scheme',
      )
      return []
    }
    const key = JSON.stringify(target)
    if (seen.has(key)) {
      report.error(at, 'is a target already', 'remove it')
      return []
    }
    seen.add(key)
    return [target]
  })
}

type Fail = (message: string, hint?: string) => undefined

function fileTarget(rest: string, rulesFile: string, fail: Fail): Target | undefined {
  if (rest.startsWith('//') && !rest.startsWith('///')) {
    return fail('names a host for a file', 'write file:PATH, or file:///PATH from the root')
  }
  const path = rest.startsWith('///') ? rest.slice(2) : rest
  if (path === '' || path.endsWith('/'))
    return fail('names no file', 'write for example file:var/out/all.log')
  if (path.includes('\u0000')) return fail('holds a NUL')
  const problem = patternProblem(path)
  if (problem !== null) return fail(problem.message, problem.hint)
  return { scheme: 'file', path: resolve(dirname(rulesFile), path) }
}

function httpTarget(scheme: 'http' | 'https', text: string, rest: string, fail: Fail): Target | undefined {
  if (!rest.startsWith('//') || !URL.canParse(text))
    return fail('is not a URL', `write for example ${scheme}://siem.example.com/path`)
  const url = new URL(text)
  if (url.hostname === '') return fail('names no host', `write for example ${scheme}://siem.example.com/path`)
  if (url.hash !== '') return fail('holds a fragment, which is never sent', 'remove what begins with `#`')
  return { scheme, url: url.href }
}

function socketTarget(scheme: keyof typeof PORTS, rest: string, fail: Fail): Target | undefined {
  const example = `write ${scheme}://HOST:PORT, for example ${scheme}://10.0.0.1:${PORTS[scheme]} or ${scheme}://[2001:db8::1]:${PORTS[scheme]}`
  if (!rest.startsWith('//')) return fail('lacks `//` after the scheme', example)
  const place = parseHostPort(rest.slice(2).replace(/\/$/, ''))
  if (place === undefined) return fail('is not a host and port', example)
  if (place.port === 0) return fail('port 0 is no destination', example)
  if (place.host === '0.0.0.0' || place.host === '::') return fail(`${place.host} is no destination`, example)
  return { scheme, host: place.host, port: Number.isNaN(place.port) ? PORTS[scheme] : place.port }
}
