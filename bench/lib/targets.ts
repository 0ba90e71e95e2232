/** The issue's targets, read from what was measured. Pure: figures in, verdicts out. */
import type { Measured } from './measure.ts'

export interface Extras {
  /** Resident MB with 1,000 idle forwarders; null: not measured. */
  readonly idle_mb: number | null
  /** Highest resident MB with a stalled destination, and `queue.memory_max` of that run. */
  readonly stalled: {
    readonly peak_mb: number
    readonly memory_max_mb: number
    /** Events that came faster than the disk took them: counted as `queue_full`. */
    readonly dropped: number
    readonly wrong: string | null
  } | null
  /** A 64 KiB frame that arrives byte by byte and whole: through a socket, and in framing alone. */
  readonly frame_socket: FrameCost | null
  readonly frame_framing: FrameCost | null
}

/** CPU, µs for 64 KiB. */
export interface FrameCost {
  readonly bytewise_us: number
  readonly whole_us: number
  /** The same bytes one at a time, as frames of 256 bytes: what so many calls cost without a long frame. */
  readonly short_frames_us: number
}

export interface Verdict {
  readonly target: string
  readonly found: string
  readonly verdict: 'pass' | 'fail' | 'not measured'
}

const PEER_NAMES = ['rsyslog', 'rsyslog-lookup', 'syslog-ng']
const TEN = 'tcp-newline_10_1_tenants'
const THOUSAND = 'tcp-newline_1000_1_tenants'

export function judge(results: readonly Measured[], extras: Extras): Verdict[] {
  const cpu = (row: string, router: string): number | null => {
    const found = results.find((r) => r.row === row && r.router === router)
    return found && found.wrong === null ? found.cpu : null
  }
  const best = (row: string): number | null => {
    const peers = PEER_NAMES.map((name) => cpu(row, name))
    // Better than the one that is there says nothing of the one that is not.
    return peers.includes(null) ? null : Math.min(...peers.filter((n) => n !== null))
  }
  const own = (row: string): number | null => cpu(row, 'logweir')
  const ten = own(TEN)
  return [
    ratio('10 tenants, TCP to TCP: at most 1/6 of the better peer (1/8 is the aim)', ten, best(TEN), 1 / 6),
    ratio('10 tenants, TCP to TCP: at most 8 × the floor', ten, cpu(TEN, 'floor'), 8),
    ratio('1,000 tenants: at most 1/60 of the better peer', own(THOUSAND), best(THOUSAND), 1 / 60),
    ratio(
      '1,000 tenants: at most 1/60 of the better filter a tenant',
      own(THOUSAND),
      least(cpu(THOUSAND, 'rsyslog'), cpu(THOUSAND, 'syslog-ng')),
      1 / 60,
    ),
    ratio('1,000 tenants: at most 2.5 × its own cost at 10', own(THOUSAND), ten, 2.5),
    ratio(
      '10,000 tenants: at most 1.5 × 1,000, deliveries aside',
      own('tcp-newline_10000_1_one'),
      own('tcp-newline_1000_1_one'),
      1.5,
    ),
    ratio('every event to one more forwarder: at most 1.6 ×', own('tcp-newline_10_1_tenants+all'), ten, 1.6),
    udpDrops(results),
    ratio(
      'UDP to 10 tenants: CPU at most rsyslog’s',
      own('udp_10_1_tenants'),
      cpu('udp_10_1_tenants', 'rsyslog'),
      1,
    ),
    rate('cloud pipeline, gzip', own('tcp-newline_10_1_cloud'), 150_000),
    ...(['http', 'splunk', 'elasticsearch', 'cfapi'] as const).map((out) =>
      rate(`${out}, gzip`, own(`tcp-newline_10_1_${out}`), 150_000),
    ),
    rate('CFAPI in, header in fields', own('cfapi_10_4_tenants'), 100_000),
    ...memory(extras),
    ...frame(extras),
  ]
}

function least(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return null
  return Math.min(a, b)
}

function ratio(target: string, own: number | null, other: number | null, most: number): Verdict {
  if (own === null || other === null || other === 0) return { target, found: '', verdict: 'not measured' }
  const value = own / other
  const text = most < 1 ? `1/${(1 / value).toFixed(1)}` : `${value.toFixed(2)} ×`
  return {
    target,
    found: `${text} (${own.toFixed(2)} to ${other.toFixed(2)} µs)`,
    verdict: value <= most ? 'pass' : 'fail',
  }
}

function udpDrops(results: readonly Measured[]): Verdict {
  const target = 'UDP to 10 tenants: no drop at 100,000 events a second'
  const found = results.find((r) => r.row === 'udp_10_1_tenants' && r.router === 'logweir')
  if (!found) return { target, found: '', verdict: 'not measured' }
  const text = `${found.drops} of ${found.events} dropped at ${Math.round(found.events_per_second)} a second${found.wrong ? `; ${found.wrong}` : ''}`
  return { target, found: text, verdict: found.drops === 0 && found.wrong === null ? 'pass' : 'fail' }
}

function rate(what: string, us: number | null, least_rate: number): Verdict {
  const target = `${what}: at least ${least_rate.toLocaleString('en')} events a second per core`
  if (us === null) return { target, found: '', verdict: 'not measured' }
  const found_rate = 1e6 / us
  return {
    target,
    found: `${Math.round(found_rate)} (${us.toFixed(2)} µs, all threads)`,
    verdict: found_rate >= least_rate ? 'pass' : 'fail',
  }
}

function memory(extras: Extras): Verdict[] {
  const idle = 'resident under 150 MB with 1,000 idle forwarders'
  const stalled = 'a stalled destination: at most `queue.memory_max` + 150 MB'
  const s = extras.stalled
  return [
    extras.idle_mb === null
      ? { target: idle, found: '', verdict: 'not measured' }
      : {
          target: idle,
          found: `${extras.idle_mb.toFixed(0)} MB`,
          verdict: extras.idle_mb < 150 ? 'pass' : 'fail',
        },
    s === null
      ? { target: stalled, found: '', verdict: 'not measured' }
      : {
          target: stalled,
          found: `${s.peak_mb.toFixed(0)} MB at ${s.memory_max_mb.toFixed(0)} MB${s.dropped > 0 ? `, ${s.dropped} events dropped and counted` : ''}${s.wrong ? `; ${s.wrong}` : ''}`,
          verdict: s.peak_mb <= s.memory_max_mb + 150 && s.wrong === null ? 'pass' : 'fail',
        },
  ]
}

function frame({ frame_socket, frame_framing }: Extras): Verdict[] {
  const most = 'a 64 KiB frame byte by byte: at most 10 × one that arrives whole'
  const linear = 'a 64 KiB frame byte by byte: at most 2 × as many single bytes in frames of 256'
  return [
    ratio(`${most} (socket)`, frame_socket?.bytewise_us ?? null, frame_socket?.whole_us ?? null, 10),
    ratio(`${most} (framing)`, frame_framing?.bytewise_us ?? null, frame_framing?.whole_us ?? null, 10),
    ratio(`${linear} (socket)`, frame_socket?.bytewise_us ?? null, frame_socket?.short_frames_us ?? null, 2),
    ratio(
      `${linear} (framing)`,
      frame_framing?.bytewise_us ?? null,
      frame_framing?.short_frames_us ?? null,
      2,
    ),
  ]
}
