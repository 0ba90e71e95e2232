/** What only shows when the parts of logweir.yaml are seen together, and what the machine says about the files named. */
import { checkListenerTls } from './certificates.ts'
import { parseNetwork, prefixOf, within } from './addresses.ts'
import { valueAt } from './pieces.ts'
import { quoted, sizeText } from './quantities.ts'
import type { Report } from './report.ts'
import type { Path } from './yaml.ts'
import type { BindAddress, ListenerSettings, SourceSettings } from './types.ts'

/** Parts that were wrong are undefined; what is there is checked all the same. */
export interface CheckedParts {
  readonly listeners: readonly (ListenerSettings | undefined)[]
  readonly sources: readonly (SourceSettings | undefined)[]
  /** There is no `sources` at all. */
  readonly open: boolean
  /** The file's value, for texts as the operator wrote them. */
  readonly value: unknown
  readonly report: Report
  readonly sections:
    | {
        readonly queue: { readonly memory_max: number; readonly spill_after: number }
        readonly batch: { readonly bytes: number; readonly age: number }
        readonly spool: { readonly disk_max: number }
        readonly admin: { readonly bind: BindAddress }
      }
    | undefined
}

/** Reports everything that is wrong between parts. */
export function checkSettings(parts: CheckedParts): void {
  const { report, listeners } = parts
  checkNames(listeners, 'listeners', 'listener', report)
  checkNames(parts.sources, 'sources', 'source', report)
  checkBinds(parts)
  checkNetworks(parts)
  checkBalancers(parts)
  for (const [index, listener] of listeners.entries()) {
    if (listener !== undefined && 'tls' in listener)
      checkListenerTls(listener.tls, ['listeners', index, 'tls'], report)
    if (listener?.allow === null) {
      const message = `listener ${listener.name} takes events from anyone`
      report.warn(['listeners', index], message, 'name the senders with `allow: [network, …]`')
    }
  }
  if (parts.open) {
    const message = 'no `sources`: every admitted peer may send every stream and carry labels of every tenant'
    report.warn(['sources'], message, 'list the ESXi hosts and edge nodes under `sources:`')
  }
  checkMemory(parts)
  checkKey(parts)
}

function checkKey({ value, report }: CheckedParts): void {
  const at = ['redaction', 'key']
  if (valueAt(value, at) === undefined || report.references.has(at)) return
  const hint =
    'write `key: { env: NAME }` or `key: { file: PATH }`, and draw another key: this one stands in a file'
  report.error(at, 'the key must not stand in the configuration', hint, { hide_source: true })
}

function checkNames(
  items: readonly ({ readonly name: string } | undefined)[],
  key: string,
  what: string,
  report: Report,
): void {
  const seen = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    if (item === undefined) continue
    const first = seen.get(item.name)
    if (first === undefined) {
      seen.set(item.name, index)
      continue
    }
    const { line } = report.place([key, first, 'name'])
    report.error(
      [key, index, 'name'],
      `${what} ${quoted(item.name)} is named twice, first on line ${line}`,
      'give each its own name',
    )
  }
}

/** Whoever has an address in `proxy_from` can pass for every sender: senders should have none, nor should everybody. */
function checkBalancers({ listeners, sources, report }: CheckedParts): void {
  for (const [index, listener] of listeners.entries()) {
    if (listener === undefined || !('proxy_from' in listener)) continue
    for (const [at, network] of listener.proxy_from.entries()) {
      const path = ['listeners', index, 'proxy_from', at]
      const hint = 'list the balancers’ own addresses only'
      if (prefixOf(network) === 0) {
        report.warn(path, `${network} is everybody: anyone can pass for any sender`, hint)
        continue
      }
      const source = sources.find((one) => one?.from.some((from) => within(from, network)) === true)
      if (source === undefined) continue
      const message = `peers of source ${source.name} are balancers by this: they need a PROXY header, and can pass for any sender`
      report.warn(path, message, hint)
    }
  }
}

interface Bound {
  readonly what: string
  readonly family: 'udp' | 'tcp'
  readonly host: string
  readonly port: number
}

function checkBinds(parts: CheckedParts): void {
  const bound: Bound[] = []
  for (const [index, listener] of parts.listeners.entries()) {
    if (listener === undefined || listener.port === 0) continue
    const family = listener.transport === 'udp' ? 'udp' : 'tcp'
    const entry: Bound = {
      what: `listener ${listener.name}`,
      family,
      host: listener.host,
      port: listener.port,
    }
    checkBind(entry, bound, ['listeners', index, 'bind'], parts.report)
    bound.push(entry)
  }
  const admin = parts.sections?.admin.bind
  if (admin?.kind !== 'inet' || admin.port === 0) return
  checkBind({ what: 'the admin address', family: 'tcp', ...admin }, bound, ['admin', 'bind'], parts.report)
}

function checkBind(entry: Bound, bound: readonly Bound[], path: Path, report: Report): void {
  const other = bound.find(
    (one) => one.family === entry.family && one.port === entry.port && overlap(one.host, entry.host),
  )
  if (other === undefined) return
  const message = `${entry.what} binds ${entry.family} port ${entry.port}, which ${other.what} has already`
  report.error(path, message, 'use another port or address')
}

/** `::` takes IPv4 too, so it meets everything. */
function overlap(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true
  const wild = a === '0.0.0.0' ? b : b === '0.0.0.0' ? a : undefined
  return wild !== undefined && !wild.includes(':')
}

/** Host bits behind a prefix were cleared while reading; the operator should know which network that makes. */
function checkNetworks(parts: CheckedParts): void {
  for (const [list, key, items] of [
    ['listeners', 'allow', parts.listeners],
    ['listeners', 'proxy_from', parts.listeners],
    ['sources', 'from', parts.sources],
  ] as const) {
    for (const [index, item] of items.entries()) {
      const written = item === undefined ? undefined : valueAt(parts.value, [list, index, key])
      if (!Array.isArray(written)) continue
      for (const [at, text] of written.entries()) warnHostBits(text, [list, index, key, at], parts.report)
    }
  }
}

/** Warns of `10.1.2.3/8`. */
export function warnHostBits(text: unknown, path: Path, report: Report): void {
  const network = typeof text === 'string' ? parseNetwork(text) : undefined
  if (network?.host_bits !== true) return
  report.warn(
    path,
    `${String(text)} has bits set behind its prefix and means ${network.text}`,
    `write ${network.text}`,
  )
}

function checkMemory(parts: CheckedParts): void {
  const { sections, report, listeners } = parts
  if (sections === undefined) return
  const { queue, batch, spool } = sections
  if (batch.bytes * 2 > queue.memory_max) {
    const message = `a batch of ${sizeText(batch.bytes)} does not fit twice into queue.memory_max (${sizeText(queue.memory_max)})`
    report.error(['batch', 'bytes'], message, 'lower `batch.bytes` or raise `queue.memory_max`')
  }
  if (batch.age > queue.spill_after) {
    const message = 'a batch may grow older than `queue.spill_after` before it is sealed'
    report.warn(['batch', 'age'], message, 'keep `batch.age` below `queue.spill_after`')
  }
  if (spool.disk_max < batch.bytes) {
    report.error(
      ['spool', 'disk_max'],
      'is smaller than one batch',
      'raise `spool.disk_max` or lower `batch.bytes`',
    )
  }
  for (const [index, listener] of listeners.entries()) {
    if (listener === undefined || listener.transport === 'udp' || listener.frame_max * 2 <= queue.memory_max)
      continue
    const message = `a frame of ${sizeText(listener.frame_max)} does not fit twice into queue.memory_max (${sizeText(queue.memory_max)})`
    report.error(['listeners', index, 'frame_max'], message, 'lower `frame_max` or raise `queue.memory_max`')
  }
}
