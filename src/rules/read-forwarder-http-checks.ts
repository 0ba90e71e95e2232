/** What contradicts itself in a forwarder over HTTP: logins, the proxy, names of indexes, paths of a type. */
import { dirname, resolve } from 'node:path'
import { checkAuthorities } from '../config/certificates.ts'
import { quoted } from '../config/quantities.ts'
import type { Path } from '../config/yaml.ts'
import type { Together } from './read-forwarder-checks.ts'

/** Paths under which a Splunk collector takes events in their JSON form. */
const HEC_PATH = /^\/$|\/services\/collector(\/event(\/1\.0)?)?\/?$/
/** What no name of an index or data stream may hold. */
const NOT_IN_INDEX = /[A-Z\\/*?"<>|\s#,:]/
const PLACEHOLDER = /\{([^{}]*)\}/g
const PLACEHOLDERS: readonly string[] = ['tenant', 'stream']

/** Reports every contradiction. */
export function checkHttp(together: Together): void {
  checkLogin(together)
  checkProxy(together)
  checkHec(together)
  checkElasticsearch(together)
  checkCfapi(together)
}

function checkLogin(together: Together): void {
  const { parts, path, report } = together
  const { username, password } = parts
  const at = (key: string): Path => [...path, key]
  checkSecret(together, at('password'), password)
  checkPair(together, path, username, password)
  const header = Object.keys(parts.headers ?? {}).some((name) => /^authorization$/i.test(name))
  if (username !== undefined && (parts.token !== undefined || header)) {
    const beside = header ? 'an `authorization` header' : 'a `token`'
    report.error(at('username'), `stands beside ${beside}`, 'keep one of them', { at_key: true })
  }
}

/** Of a user name and a password neither is anything without the other. */
function checkPair(
  { report }: Together,
  path: Path,
  username: string | undefined,
  password: string | undefined,
): void {
  if (password !== undefined && username === undefined)
    report.error([...path, 'password'], 'has no user name', 'name its `username` beside it', { at_key: true })
  if (username === undefined) return
  if (password === undefined) {
    const hint = 'write `password: { env: NAME }` beside it'
    report.error([...path, 'username'], 'has no password', hint, { at_key: true })
  }
  if (username.includes(':')) report.error([...path, 'username'], 'holds a colon, which ends a user name')
}

function checkSecret({ report }: Together, at: Path, secret: string | undefined): void {
  if (secret === undefined || report.references.has(at)) return
  const hint =
    'write `password: { env: NAME }` or `password: { file: PATH }`, and use another one: this one stands in a file'
  report.error(at, 'a password must not stand in a rules file', hint, { hide_source: true })
}

function checkProxy(together: Together): void {
  const { parts, path, report } = together
  const { proxy } = parts
  if (proxy === undefined) return
  const at = (key: string): Path => [...path, 'proxy', key]
  checkSecret(together, at('password'), proxy.password)
  checkPair(together, [...path, 'proxy'], proxy.username, proxy.password)
  const example = 'write for example http://proxy.example.com:3128, or none'
  if (proxy.to === 'none') {
    for (const key of ['username', 'ca'] as const)
      if (proxy[key] !== undefined) report.error(at(key), 'is of no proxy', 'remove it', { at_key: true })
    return
  }
  const url = URL.canParse(proxy.to) ? new URL(proxy.to) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) report.error(at('to'), 'is no proxy', example)
  else if (url.username !== '' || url.password !== '') {
    report.error(at('to'), 'holds a user name or password', 'use `username` and `password`', {
      hide_source: true,
    })
  } else if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    report.error(at('to'), 'holds more than a host and port', example)
  if (proxy.ca !== undefined)
    checkAuthorities(resolve(dirname(report.fileAt(at('ca'))), proxy.ca), at('ca'), report)
  if (proxy.ca !== undefined && url?.protocol === 'http:') {
    report.error(at('ca'), 'is never asked: an http: proxy has no certificate', 'remove it', { at_key: true })
  }
}

function checkHec(together: Together): void {
  const { parts, type, target, path, report } = together
  if (type !== 'splunk-hec' || !('url' in target)) return
  if (!HEC_PATH.test(new URL(target.url).pathname)) {
    const hint = 'name the host only, or end it with /services/collector/event'
    report.error([...path, 'to'], 'is not where a Splunk collector takes events', hint)
  }
  for (const key of ['index', 'source', 'sourcetype'] as const)
    checkPlaceholders(together, [...path, 'hec', key], parts.hec?.[key])
  if (parts.hec?.ack_timeout !== undefined && parts.hec.acknowledge !== true) {
    const hint = 'write `acknowledge: true` beside it'
    report.error([...path, 'hec', 'ack_timeout'], 'nothing is acknowledged', hint, { at_key: true })
  }
}

function checkElasticsearch(together: Together): void {
  const { parts, path, report } = together
  const { index, pipeline } = parts.elasticsearch ?? {}
  const at = [...path, 'elasticsearch', 'index']
  checkPlaceholders(together, at, index)
  const plain = index?.replace(PLACEHOLDER, 'x')
  if (plain !== undefined && (NOT_IN_INDEX.test(plain) || /^[-_+.]/.test(index ?? ''))) {
    const hint = 'use lower-case letters, digits, `-`, `_` and `.`'
    report.error(at, `${quoted(index ?? '')} is not the name of an index`, hint)
  } else if (index?.startsWith('{') === true) {
    const hint = 'write for example logs-vcd-{tenant}'
    report.error(at, 'begins with what stands for something, and nobody’s events are of _orphans', hint)
  }
  if (pipeline !== undefined && !/^[A-Za-z0-9._-]+$/.test(pipeline))
    report.error([...path, 'elasticsearch', 'pipeline'], 'is not the name of a pipeline')
}

/** One way to say who we are. */
function checkCfapi({ parts, type, path, report }: Together): void {
  if (type !== 'cfapi') return
  const at = [...path, 'cfapi', 'agent_secret']
  const { agent_secret, provider } = parts.cfapi ?? {}
  if (agent_secret !== undefined && !report.references.has(at)) {
    const hint =
      'write `agent_secret: { env: NAME }` or `{ file: PATH }`, and use another one: this one stands in a file'
    report.error(at, 'a secret must not stand in a rules file', hint, { hide_source: true })
  }
  if (agent_secret !== undefined && (parts.username !== undefined || parts.token !== undefined))
    report.error(at, 'stands beside another way to log in', 'keep one of them', { at_key: true })
  if (provider !== undefined && parts.username === undefined) {
    const hint = 'write `username` and `password` beside it'
    report.error([...path, 'cfapi', 'provider'], 'nobody logs in', hint, { at_key: true })
  }
}

function checkPlaceholders({ report }: Together, at: Path, text: string | undefined): void {
  for (const [, name = ''] of text?.matchAll(PLACEHOLDER) ?? []) {
    if (!PLACEHOLDERS.includes(name))
      report.error(at, `nothing stands for ${quoted(`{${name}}`)}`, 'use {tenant} or {stream}')
  }
}
