/** The table and the verdicts, as text and as Markdown. */
import type { Measured } from './measure.ts'
import type { RouterName } from './routers.ts'
import { type TableRow, title } from './rows.ts'
import type { Verdict } from './targets.ts'

const COLUMNS: readonly RouterName[] = ['floor', 'logweir', 'rsyslog', 'rsyslog-lookup', 'syslog-ng']

export interface Head {
  readonly date: string
  readonly machine: string
  readonly average: number
  readonly missing: readonly string[]
  readonly short: boolean
  /** Processes that were running or waiting when the run began: above 0.5 others disturb it. */
  readonly load: number
}

/** One line a row, one column a router: CPU µs an event and thousands of events a second. */
export function table(rows: readonly TableRow[], results: readonly Measured[]): string {
  const lines = [['tenants', 'in → out', ...COLUMNS]]
  for (const { row, routers } of rows) {
    const cells = COLUMNS.map((name) =>
      cell(
        results.find((r) => r.row === row.id && r.router === name),
        routers.includes(name),
      ),
    )
    lines.push([row.tenants.toLocaleString('en'), title(row), ...cells])
  }
  return markdown(lines)
}

function cell(found: Measured | undefined, wanted: boolean): string {
  if (!found) return wanted ? 'missing' : '–'
  if (found.wrong !== null) return `wrong: ${found.wrong}`
  const drops = found.drops > 0 ? `, ${((100 * found.drops) / found.events).toFixed(1)} % lost` : ''
  return `${found.cpu.toFixed(found.cpu < 10 ? 2 : 1)} µs · ${thousands(found.events_per_second)}/s${drops}`
}

export function thousands(n: number): string {
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)} M` : `${(n / 1e3).toFixed(n < 1e4 ? 1 : 0)} k`
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  return markdown([['target', 'found', ''], ...verdicts.map((v) => [v.target, v.found, v.verdict])])
}

export function markdown(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((l) => (l[i] ?? '').length)))
  const text = lines.map((l) => `| ${l.map((c, i) => c.padEnd(widths[i] ?? 0)).join(' | ')} |`)
  text.splice(1, 0, `|${widths.map((w) => '-'.repeat(w + 2)).join('|')}|`)
  return text.join('\n')
}

export function resultsPage(
  head: Head,
  rows: readonly TableRow[],
  results: readonly Measured[],
  verdicts: readonly Verdict[],
  spools: string,
): string {
  const length = head.short ? 'A short run (`-- --short`)' : 'A whole run'
  const busy = head.load > 0.5 ? ' The machine was busy with other work: ratios hold better than times.' : ''
  return `# Results of \`npm run bench:peers\`

${head.date}, on ${head.machine}. ${length}; load average before it ${head.load.toFixed(1)}.${busy}

Everything in one run, over loopback; the same events of ${head.average.toFixed(0)} bytes for all, 80 % with
the label of a tenant. Each cell: CPU of the router process, all threads, in µs an event (CPU seconds per million
events), then events a second. A time stands here only when the counts were right at the sink: TCP and TLS
tenant by tenant; UDP no tenant too many and no more missing than the kernel dropped; the cloud pipeline in all.

- floor: \`bench/floor/floor.c\`, which only frames, hashes and copies. It has no TLS.
- Logweir: the built JavaScript, one worker; allow list, sources, rates, counters and ledger on.
- Warm-up: Logweir with up to six times the events of the file, because V8 compiles as it runs; the peers, which do not, with a tenth of
  theirs. What Logweir's warm-up itself cost, compiling included: ${firstCosts(results)}. Rows that targets need: the median of
  three passes for Logweir and the floor (UDP: one), one pass for the peers.
- rsyslog 8.2302: a filter a tenant; rsyslog-lookup: a regular expression and a lookup table. syslog-ng 3.38: a filter a tenant. A
  tenant's filter looks for two labels, its group's and its gateway's, as the tenants of Logweir have them.
- UDP at ${(100_000).toLocaleString('en')} events a second; at 100 and 1,000 tenants the peers get a rate that they can take.
${head.missing.map((m) => `- Left out: ${m}.\n`).join('')}
${table(rows, results)}
${spools === '' ? '' : `\n${spoolSection(spools)}\n`}
## Against the targets

A frame that arrives byte by byte is 65,536 reads of the socket, or calls of the framer, where the whole one is one: the
ratio to the whole one is theirs. That the length of the frame adds nothing shows beside single bytes in short frames.

${verdictTable(verdicts)}
`
}

/** The first events after a start, for the rows that are looked at first. */
function firstCosts(results: readonly Measured[]): string {
  const own = results.filter(
    ({ row, router }) => router === 'logweir' && /^tcp-newline_\d+_1_tenants$/.test(row),
  )
  const costs = own.map(({ row, first_cpu }) => `${first_cpu.toFixed(2)} µs at ${row.split('_')[1]} tenants`)
  return costs.join(', ') || 'not measured'
}

function spoolSection(spools: string): string {
  return `## Through the disk

Everything to one TCP destination, which is down while the events come in (spill) and then there again (drain). Each cell:
CPU as above, then events a second (spill: until all are read; drain: from the first at the sink to the last). Disk: bytes of
files an event, once all are spilled. Events carry numbers, so what was lost, came twice or out of order is counted one by one:
first without a crash, then with a \`kill -9\` in the middle of the spilling and a restart. The router is held before it is
killed, so that only what it had read counts as lost; over RELP what it had acknowledged.

- Each has memory for about 40,000 events (8 MiB, what a forwarder of Logweir has as it comes), tries to connect every second, and
  waits instead of dropping. rsyslog: \`omfwd\` with a queue of its own (\`LinkedList\`, \`queue.filename\`, \`maxDiskSpace\`,
  \`saveOnShutdown\`, files of 64 MiB), the ruleset's queue direct. syslog-ng: \`disk-buffer\` with flow control.
- Logweir syncs what it commits; of the peers only rsyslog with \`syncQueueFiles\` does, an event at a time. The others lose more than is
  shown here when the machine goes down with them.
- How they lose: rsyslog keeps in memory what its queue held there, and without \`checkpointInterval\` writes down only when it stops
  what its files hold, so that after a kill everything on disk is lost too. syslog-ng loses what stood in its memory. Logweir loses what is
  not committed yet: what came in the last second, or what a sender without a pace pushed into the forwarder's memory.

${spools}
`
}
