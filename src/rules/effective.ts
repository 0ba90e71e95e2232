/** What holds for a tenant or forwarder after templates, defaults and inventory, each value with where it was written. */
import { durationText, sizeText } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { pathText } from '../config/report.ts'
import type { ForwarderModel, RulesModel } from './model.ts'

/** A value as `show` tells it. */
export interface Effective {
  /** `queue.memory_max` */
  readonly key: string
  readonly value: string
  /** Null: nobody wrote it, it is Logweir's default. */
  readonly file: string | null
  readonly line: number
  readonly column: number
  /** By which way it came: `template standard`, `defaults.forwarders`; empty: written at the entry itself. */
  readonly from: string
}

/** An entry of the rules, with its values. */
export interface EffectiveEntry {
  /** `acme`, `acme/siem` */
  readonly name: string
  readonly values: readonly Effective[]
}

interface Source {
  readonly value: unknown
  readonly path: Path
  readonly report: Report
}

/** Must be references in rules, and are not told whatever they are. */
const SECRET = /token|password|secret|authorization|api.?key/i

/** A tenant with its forwarders, or one forwarder; undefined where there is none of that name. */
export function effective(
  model: RulesModel,
  tenant: string,
  forwarder?: string,
): EffectiveEntry[] | undefined {
  const found = model.tenants.find(({ name }) => name === tenant)
  if (found === undefined && tenant !== 'provider') return undefined
  const all = tenant === 'provider' ? model.provider : (found?.forwarders ?? [])
  const forwarders = all.filter(({ name }) => forwarder === undefined || name === forwarder)
  if (forwarder !== undefined && forwarders.length === 0) return undefined
  const head =
    forwarder === undefined && found?.source !== undefined
      ? [{ name: tenant, values: written(found.source, ['forwarders']) }]
      : []
  return [...head, ...forwarders.map((one) => ({ name: `${tenant}/${one.name}`, values: valuesOf(one) }))]
}

function valuesOf(forwarder: ForwarderModel): Effective[] {
  const own = forwarder.source === undefined ? [] : written(forwarder.source, [])
  const known = own.map(({ key }) => key)
  const silent = defaultsOf(forwarder).filter(
    ([key]) => !known.some((one) => one === key || one.startsWith(`${key}.`) || one.startsWith(`${key}[`)),
  )
  return [
    ...own,
    ...silent.map(([key, value]) => ({ key, value, file: null, line: 0, column: 0, from: 'default' })),
  ]
}

/** What nobody has to write. */
function defaultsOf({ settings, scope, source }: ForwarderModel): [string, string][] {
  const { type, format, framing, queue, spool, replay, retry, concurrency, timeout } = settings
  const provider = source?.path[0] === 'provider'
  return [
    ['type', type],
    ...(provider ? [['scope', scope] as [string, string]] : []),
    ['format', format],
    ...(framing === 'none' ? [] : [['framing', framing] as [string, string]]),
    ['queue.memory_max', sizeText(queue.memory_max)],
    ['queue.disk_max', sizeText(queue.disk_max)],
    ['queue.when_full', queue.when_full],
    ['spool', spool],
    ...(replay === 0 ? [] : [['replay', sizeText(replay)] as [string, string]]),
    ['retry.first', durationText(retry.first)],
    ['retry.max', durationText(retry.max)],
    ['concurrency', String(concurrency)],
    ['timeout.connect', durationText(timeout.connect)],
    ['timeout.request', durationText(timeout.request)],
  ]
}

function written({ value, path, report }: Source, without: readonly string[]): Effective[] {
  const list: Effective[] = []
  const walk = (inner: unknown, at: Path): void => {
    if (typeof inner === 'object' && inner !== null && !isPlain(inner)) {
      const entries: [string | number, unknown][] = Array.isArray(inner)
        ? inner.map((entry: unknown, n) => [n, entry])
        : Object.entries(inner)
      for (const [key, entry] of entries)
        if (at.length > 0 || !without.includes(String(key))) walk(entry, [...at, key])
      return
    }
    list.push(told(inner, at, path, report))
  }
  walk(value, [])
  return list
}

/** A short list of plain values is one value. */
function isPlain(value: object): boolean {
  const inner: unknown[] = Object.values(value)
  return inner.length === 0 || (Array.isArray(value) && inner.every((one) => typeof one !== 'object'))
}

function told(value: unknown, at: Path, base: Path, report: Report): Effective {
  const origin = report.origin([...base, ...at])
  const { file, line, column } = origin.yaml.place(origin.path)
  const hidden = origin.references.has(origin.path) || at.some((key) => SECRET.test(String(key)))
  const via = origin.via === undefined ? '' : `, used at ${origin.via.file}:${origin.via.line}`
  const from = origin.from === '' ? '' : `${origin.from}${via}`
  const text = hidden ? '(from a reference, not shown)' : (JSON.stringify(value) ?? 'null')
  return { key: pathText(at), value: text, file, line, column, from }
}
