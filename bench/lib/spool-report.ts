/** The spool's table, and its targets read from it. Pure: figures in, text and verdicts out. */
import { markdown, thousands } from './report.ts'
import type { Counted, Phase, SpoolMeasured } from './spool-measure.ts'
import type { SpoolRow } from './spool-rows.ts'
import type { Verdict } from './targets.ts'

export function spoolTable(rows: readonly SpoolRow[], results: readonly SpoolMeasured[]): string {
  const head = ['', 'spill', 'drain', 'disk', 'lost, twice, out of order', 'with `kill -9`']
  const lines = rows.map((row) => {
    const found = results.find((r) => r.row === row.id)
    if (!found) return [row.title, 'missing', '', '', '', '']
    const { killed, events } = found
    const before = row.transport === 'relp' ? 'acknowledged' : 'read'
    const held =
      killed && `${killed.taken.toLocaleString('en')} of ${events.toLocaleString('en')} ${before}; `
    return [
      row.title,
      phase(found.spill),
      phase(found.drain),
      found.disk > 0 ? `${found.disk.toFixed(0)} B` : '–',
      found.counted ? counted(found.counted) : '–',
      killed ? `${held}lost ${counted(killed)}` : '–',
    ].map((text, n) => (n === 5 && found.wrong !== null ? `${text} wrong: ${found.wrong}` : text))
  })
  return markdown([head, ...lines])
}

function phase(found: Phase | null): string {
  return found ? `${found.cpu.toFixed(2)} µs · ${thousands(found.events_per_second)}/s` : '–'
}

function counted({ lost, twice, backwards }: Counted): string {
  return [lost, twice, backwards].map((n) => n.toLocaleString('en')).join(', ')
}

export function judgeSpool(rows: readonly SpoolRow[], results: readonly SpoolMeasured[]): Verdict[] {
  const of = (id: string): SpoolMeasured | undefined => results.find((r) => r.row === id)
  const peers = rows.filter(({ router, transport }) => router !== 'logweir' && transport === 'tcp')
  const alike = of('spool_logweir_plain')
  /** Better than those that are there says nothing of one that is not. */
  const least = (phase_of: 'spill' | 'drain'): number => {
    const found = peers.flatMap(({ id }) => of(id)?.[phase_of]?.cpu ?? [])
    return found.length === peers.length ? Math.min(...found) : Number.POSITIVE_INFINITY
  }
  return [
    percore('spill', alike?.spill ?? null, least('spill')),
    percore('drain', alike?.drain ?? null, least('drain')),
    lossless(rows, of),
    acknowledged(of('spool_logweir_relp'), of('spool_rsyslog_relp')),
    bounded(of('spool_logweir_always')),
  ]
}

function percore(what: string, own: Phase | null, peer: number): Verdict {
  const target = `spool, ${what}, uncompressed as the peers’: at least as many events a second per core as the better peer`
  if (own === null || !Number.isFinite(peer)) return { target, found: '', verdict: 'not measured' }
  const ratio = peer / own.cpu
  return {
    target,
    found: `${ratio.toFixed(2)} × (${own.cpu.toFixed(2)} to ${peer.toFixed(2)} µs)`,
    verdict: ratio >= 1 ? 'pass' : 'fail',
  }
}

function lossless(rows: readonly SpoolRow[], of: (id: string) => SpoolMeasured | undefined): Verdict {
  const target = 'spool, destination down and back: nothing lost, nothing twice, everything in order'
  const own = rows.filter((r) => r.router === 'logweir' && r.transport === 'tcp').map((r) => of(r.id))
  const counts = own.flatMap((found) => (found?.counted ? [found.counted] : []))
  if (counts.length === 0) return { target, found: '', verdict: 'not measured' }
  const good = counts.every((c) => c.lost === 0 && c.twice === 0 && c.backwards === 0)
  return { target, found: counts.map(counted).join('; '), verdict: good ? 'pass' : 'fail' }
}

function acknowledged(own: SpoolMeasured | undefined, peer: SpoolMeasured | undefined): Verdict {
  const target = 'spool, `kill -9`, RELP in, `spool: always`: nothing lost that was acknowledged'
  if (!own?.killed) return { target, found: '', verdict: 'not measured' }
  const other = peer?.killed ? `; rsyslog ${peer.killed.lost.toLocaleString('en')}` : ''
  return {
    target,
    found: `${own.killed.lost.toLocaleString('en')} of ${own.events.toLocaleString('en')}${other}`,
    verdict: own.killed.lost === 0 ? 'pass' : 'fail',
  }
}

/** A forwarder's memory as it comes, of events of 200 bytes or more, and one read of the socket. */
const MEMORY_BYTES = 8 * 2 ** 20 + 256 * 1024

function bounded(own: SpoolMeasured | undefined): Verdict {
  const target =
    'spool, `kill -9`, plain TCP, `spool: always`, sender without a pace: lost at most what the forwarder’s 8 MiB hold'
  if (!own?.killed) return { target, found: '', verdict: 'not measured' }
  const most = Math.floor(MEMORY_BYTES / 200)
  return {
    target,
    found: `${own.killed.lost.toLocaleString('en')} of ${own.killed.taken.toLocaleString('en')}`,
    verdict: own.killed.lost <= most ? 'pass' : 'fail',
  }
}
