/** The rows of the table, and how many events each router is worth in each of them. */
import type { Plan, Row } from './measure.ts'
import type { Router, RouterName } from './routers.ts'
/** Below what one core must do, so that the queue stays in memory: what is spilled would be measured too. */
const CLOUD_RATE = 100_000

export function fileEvents(short: boolean): number {
  return short ? 200_000 : 400_000
}

/** A UDP sender of this rate must lose nothing (issue, "How fast"). */
export const UDP_RATE = 100_000

const PEERS: readonly RouterName[] = ['floor', 'logweir', 'rsyslog', 'syslog-ng']
const ALL: readonly RouterName[] = ['floor', 'logweir', 'rsyslog', 'rsyslog-lookup', 'syslog-ng']
const LOGWEIR: readonly RouterName[] = ['logweir']

export interface TableRow {
  readonly row: Row
  readonly routers: readonly RouterName[]
  /** The targets are read from these: more passes. */
  readonly key: boolean
}

type Kind = Pick<Row, 'transport' | 'framing'>
const STREAMS: readonly Kind[] = [
  { transport: 'tcp', framing: 'newline' },
  { transport: 'tcp', framing: 'octet' },
  { transport: 'tls', framing: 'octet' },
]

export function rowsOf(short: boolean, tls: boolean): TableRow[] {
  const rows: TableRow[] = []
  for (const tenants of short ? [10, 1000] : [10, 100, 1000]) {
    for (const kind of short ? STREAMS.slice(0, 1) : STREAMS) {
      if (kind.transport === 'tls' && !tls) continue
      for (const connections of short ? [1] : [1, 200]) {
        const plain = kind.transport === 'tcp' && kind.framing === 'newline' && connections === 1
        rows.push({ row: named({ ...kind, tenants, connections }), routers: plain ? ALL : PEERS, key: plain })
      }
    }
    if (!short || tenants === 10) {
      rows.push({
        row: named({ transport: 'udp', framing: 'newline', tenants }),
        routers: PEERS,
        key: tenants === 10,
      })
    }
  }
  const plain = { transport: 'tcp', framing: 'newline' } as const
  rows.push({ row: named({ ...plain, tenants: 10, out: 'tenants+all' }), routers: LOGWEIR, key: true })
  rows.push({ row: named({ ...plain, tenants: 10, out: 'cloud' }), routers: LOGWEIR, key: true })
  for (const out of short ? [] : (['http', 'splunk', 'elasticsearch', 'cfapi'] as const))
    rows.push({ row: named({ ...plain, tenants: 10, out }), routers: LOGWEIR, key: true })
  const cfapi = { transport: 'cfapi', framing: 'newline' } as const
  rows.push({ row: named({ ...cfapi, tenants: 10, connections: 4 }), routers: LOGWEIR, key: true })
  rows.push({ row: named({ ...plain, tenants: 1000, out: 'one' }), routers: LOGWEIR, key: true })
  rows.push({ row: named({ ...plain, tenants: 10_000, out: 'one' }), routers: LOGWEIR, key: true })
  return rows
}

function named(
  row: Kind & { readonly tenants: number; readonly connections?: number; readonly out?: Row['out'] },
): Row {
  const full = { connections: 1, out: 'tenants' as const, ...row }
  const transport = full.transport === 'tcp' ? `tcp-${full.framing}` : full.transport
  return { ...full, id: [transport, full.tenants, full.connections, full.out].join('/').replaceAll('/', '_') }
}

/** A row's name to people. */
export function title(row: Row): string {
  const framing = row.framing === 'octet' ? ' octet-counted' : ' newline'
  const way = { udp: 'UDP', cfapi: `CFAPI, ${row.connections} conn., 500 events a request` }
  const into =
    row.transport === 'udp' || row.transport === 'cfapi'
      ? way[row.transport]
      : `${row.transport.toUpperCase()}${framing}, ${row.connections} conn.`
  const out = {
    tenants: '',
    'tenants+all': ' + one more forwarder for all',
    one: ', one forwarder for all instead of tenants’',
    cloud: ' → cloud pipeline (JSON, gzip) only',
    http: ' → `http` (own JSON, gzip) only',
    splunk: ' → `splunk-hec` (gzip) only',
    elasticsearch: ' → `elasticsearch` (gzip) only',
    cfapi: ' → `cfapi` (gzip) only',
  }
  return `${into}${out[row.out]}`
}

/** How much is sent: enough that CPU is counted in whole percents, little enough that a slow peer takes seconds. */
export function planOf(router: Router, entry: TableRow, short: boolean): Plan {
  const { row, key } = entry
  const all = fileEvents(short)
  const passes = key && (router.name === 'floor' || router.name === 'logweir') ? 3 : 1
  if (row.transport === 'udp') return udpPlan(router, row, short)
  if (router.name === 'floor') return { events: all, repeat: 2.4e6 / all, warm: all, passes, rate: 0 }
  if (router.name === 'logweir') {
    // Some seconds of traffic: until then V8 compiles, which a router that runs for months does once.
    if (row.out !== 'tenants' && row.out !== 'tenants+all' && row.out !== 'one')
      return { events: all, repeat: 1, warm: all, warm_repeat: 2, passes, rate: CLOUD_RATE }
    const repeat = short ? 3 : 4
    return { events: all, repeat, warm: all, warm_repeat: short ? 20 : 10, passes, rate: 0 }
  }
  const least = row.tenants <= 10 ? 200_000 : key && !short ? 20_000 : 10_000
  const events = Math.min(all, Math.max(least, Math.round(2e6 / router.cost(row.tenants))))
  return { events, repeat: 1, warm: Math.round(events / 10), passes, rate: 0 }
}

/** Peers that could not keep up at 100 and 1,000 tenants get a rate that they can, so that drops do not flatter them. */
function udpPlan(router: Router, row: Row, short: boolean): Plan {
  const able = 0.5e6 / router.cost(row.tenants)
  const rate = row.tenants === 10 ? UDP_RATE : Math.round(Math.min(UDP_RATE, able))
  const events = Math.min(fileEvents(short), Math.max(10_000, Math.round(rate * (short ? 2 : 3.5))))
  return { events, repeat: 1, warm: Math.round(events / 10), passes: 1, rate }
}
