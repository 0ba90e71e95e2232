/**
 * `npm run bench:peers`: Logweir beside rsyslog, syslog-ng and the C floor, end to end over loopback, in one run.
 *
 *   npm run bench:peers                 the whole table, up to 20 minutes
 *   npm run bench:peers -- --short      the rows that the targets need, up to 2 minutes
 *   npm run bench:peers -- --write      also renders bench/RESULTS.md
 *   npm run bench:peers -- --only logweir,floor   only these routers
 *   npm run bench:peers -- --rows udp   only rows whose name holds this; `spool`: those through the disk
 *   npm run bench:peers -- --minutes 16  after so long only the rows that the targets need are measured
 *   npm run bench:peers -- --check      exits 1 when a target that was measured is missed
 *
 * What is missing on the machine is left out and said. Figures go to bench/out/results.json too.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { idleForwarders, stalledDestination } from './lib/extra.ts'
import { framingCost, socketCost } from './lib/frame.ts'
import { type Bench, choosePorts, type Measured, measure } from './lib/measure.ts'
import { stopAll } from './lib/proc.ts'
import { type Head, resultsPage, table, verdictTable } from './lib/report.ts'
import { buildTools, findRouters, machine, makeCertificate, OUT, ROOT, type Router } from './lib/routers.ts'
import { fileEvents, planOf, rowsOf, type TableRow } from './lib/rows.ts'
import { measureSpool, type SpoolMeasured } from './lib/spool-measure.ts'
import { judgeSpool, spoolTable } from './lib/spool-report.ts'
import { SPOOL_ROWS, type SpoolRow, spoolEvents, spoolPlan } from './lib/spool-rows.ts'
import { type Extras, judge } from './lib/targets.ts'
import { makeNumbered, makeTenants, makeWorkload, type Workload } from './workload.ts'

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    rows: { type: 'string' },
    minutes: { type: 'string', default: '16' },
  },
})

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const work = join(OUT, 'work')
const load = loadavg()[0] ?? 0
const deadline = Date.now() + Number(options.minutes) * 60_000
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void leave(130))

async function leave(code: number): Promise<never> {
  await stopAll()
  rmSync(work, { recursive: true, force: true })
  process.exit(code)
}

async function main(): Promise<number> {
  mkdirSync(OUT, { recursive: true })
  const problem = buildTools()
  if (problem !== null) {
    say(`bench:peers needs its C programs, and they cannot be built: ${problem}`)
    return 2
  }
  const certificate = makeCertificate()
  const bench: Bench = {
    ports: choosePorts(),
    certificate: certificate?.certificate ?? '',
    key: certificate?.key ?? '',
  }
  const wanted = options.only?.split(',')
  const routers = findRouters().filter((r) => !wanted || wanted.includes(r.name))
  const missing = routers.filter((r) => r.missing !== null).map((r) => `${r.name}: ${r.missing}`)
  if (!certificate) missing.push('TLS rows: no openssl to make a certificate with')
  for (const text of missing) say(`left out: ${text}`)

  const rows = rowsOf(options.short, certificate !== null).filter(
    ({ row }) => !options.rows || row.id.includes(options.rows),
  )
  const results: Measured[] = []
  const extras: { -readonly [K in keyof Extras]: Extras[K] } = {
    idle_mb: null,
    stalled: null,
    frame_socket: null,
    frame_framing: null,
  }
  const logweir = routers.find((r) => r.name === 'logweir' && r.missing === null)
  let average = 0
  for (const tenants of new Set(rows.map(({ row }) => row.tenants))) {
    const workload = makeWorkload(
      join(work, String(tenants)),
      makeTenants(tenants),
      fileEvents(options.short),
    )
    average = workload.average
    for (const entry of rows.filter(({ row }) => row.tenants === tenants))
      results.push(...(await measureRow(bench, routers, entry, workload)))
    if (logweir && !options.rows) await measureMemory(bench, logweir, workload, tenants, extras)
    rmSync(workload.newline_file)
    rmSync(workload.octet_file)
  }
  if (logweir && !options.rows) {
    extras.frame_framing = await framingCost()
    if (!options.short) extras.frame_socket = await socketCost(bench, logweir).catch(() => null)
  }
  const spool_rows = SPOOL_ROWS.filter(
    (row) => (row.short || !options.short) && (!options.rows || row.id.includes(options.rows)),
  )
  const spools = await measureSpools(routers, spool_rows)
  return publish(
    {
      date: new Date().toISOString().slice(0, 10),
      machine: machine(),
      average,
      missing,
      short: options.short,
      load,
    },
    rows,
    results,
    extras,
    { rows: spool_rows, results: spools },
  )
}

/** The rows through the disk, in whole runs and short ones: nothing else says what is lost. */
async function measureSpools(
  routers: readonly Router[],
  rows: readonly SpoolRow[],
): Promise<SpoolMeasured[]> {
  const able = rows.filter((row) => routers.some((r) => r.name === row.router && r.missing === null))
  if (able.length === 0) return []
  const tenants = makeTenants(10)
  const workload = makeNumbered(join(work, 'spool'), tenants, spoolEvents(options.short))
  const results: SpoolMeasured[] = []
  for (const row of able) {
    const started = Date.now()
    const plan = spoolPlan(row, workload, options.short)
    const result = await measureSpool(row, workload, tenants, plan).catch((error: unknown) => {
      const wrong = error instanceof Error ? error.message : String(error)
      const nothing = { spill: null, drain: null, disk: 0, counted: null, killed: null }
      return { row: row.id, events: plan.events, ...nothing, wrong }
    })
    results.push(result)
    const { spill, drain, killed } = result
    const found = `spill ${spill?.cpu.toFixed(2)} µs, drain ${drain?.cpu.toFixed(2)} µs, kill -9 lost ${killed?.lost}`
    say(`${row.id}: ${result.wrong ?? found} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  }
  rmSync(workload.file)
  return results
}

async function measureRow(
  bench: Bench,
  routers: readonly Router[],
  entry: TableRow,
  workload: Workload,
): Promise<Measured[]> {
  const results: Measured[] = []
  for (const router of routers) {
    if (router.missing !== null || !entry.routers.includes(router.name)) continue
    if (router.name === 'floor' && entry.row.transport === 'tls') continue
    const started = Date.now()
    if (!entry.key && started > deadline) {
      say(`${entry.row.id} ${router.name}: left out, no time`)
      continue
    }
    const plan = planOf(router, entry, options.short)
    const result = await measure(bench, router, entry.row, workload, plan).catch((error: unknown) =>
      failed(entry, router, error),
    )
    results.push(result)
    const took = ((Date.now() - started) / 1000).toFixed(1)
    say(
      `${entry.row.id} ${router.name}: ${result.wrong ?? `${result.cpu.toFixed(2)} µs, ${Math.round(result.events_per_second)}/s`} (${took} s)`,
    )
  }
  return results
}

function failed(entry: TableRow, router: Router, error: unknown): Measured {
  const wrong = error instanceof Error ? error.message : String(error)
  return {
    row: entry.row.id,
    router: router.name,
    events: 0,
    cpu: 0,
    events_per_second: 0,
    first_cpu: 0,
    drops: 0,
    rss_mb: 0,
    wrong,
  }
}

async function measureMemory(
  bench: Bench,
  logweir: Router,
  workload: Workload,
  tenants: number,
  extras: { -readonly [K in keyof Extras]: Extras[K] },
): Promise<void> {
  try {
    if (tenants === 10)
      extras.stalled = await stalledDestination(bench, logweir, workload, options.short ? 1 : 4)
    if (tenants === 1000) extras.idle_mb = await idleForwarders(bench, logweir, workload)
  } catch (error) {
    say(`memory at ${tenants} tenants: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function publish(
  head: Head,
  rows: readonly TableRow[],
  results: readonly Measured[],
  extras: Extras,
  spool: { readonly rows: readonly SpoolRow[]; readonly results: readonly SpoolMeasured[] },
): number {
  const verdicts = [...judge(results, extras), ...judgeSpool(spool.rows, spool.results)]
  const spools = spool.results.length > 0 ? spoolTable(spool.rows, spool.results) : ''
  const shown = rows.map((r) =>
    r.row.transport === 'tls' ? { ...r, routers: r.routers.filter((n) => n !== 'floor') } : r,
  )
  process.stdout.write(`\n${table(shown, results)}\n\n${spools}\n\n${verdictTable(verdicts)}\n`)
  writeFileSync(
    join(OUT, 'results.json'),
    `${JSON.stringify({ ...head, results, extras, spool: spool.results, verdicts }, null, 2)}\n`,
  )
  if (options.write)
    writeFileSync(join(ROOT, 'bench', 'RESULTS.md'), resultsPage(head, shown, results, verdicts, spools))
  // What a peer makes of a kill is its own affair.
  const own = spool.results.filter((r) => spool.rows.find(({ id }) => id === r.row)?.router === 'logweir')
  const wrong = [...results, ...own].some((r) => r.wrong !== null)
  return wrong || (options.check && verdicts.some((v) => v.verdict === 'fail')) ? 1 : 0
}

await leave(
  await main().catch((error: unknown) => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return 70
  }),
)
