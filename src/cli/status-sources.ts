/** The part of `logweir status` about sources: who sends what, and what an operator should do about it. */
import type { SourceLedger } from '../control/sources.ts'

/** A clock that is farther off than that is worth a line: events in transit make less. */
const SKEW_SECONDS = 60
/** Unit, its seconds, and below how many it is used. */
const UNITS = [
  ['s', 1, 120],
  ['min', 60, 3600],
  ['h', 3600, 172_800],
] as const
const WIDTHS = [28, 20, 10, 8, 9, 9, 9]

/** Head and a row a source. */
export function sourceTable(sources: readonly SourceLedger[]): string[] {
  const head = row(['source', 'last seen', 'received', 'refused', 'invalid', 'cut', 'clock'])
  return [
    head,
    ...sources.map((one) =>
      row([
        nameOf(one),
        one.last_seen?.slice(0, 19).concat('Z') ?? '-',
        String(one.received),
        String(total(one.refused)),
        String(one.invalid),
        String(one.truncated + one.cut_by_sender),
        clockText(one),
      ]),
    ),
  ]
}

/** Sentences about what is wrong and where it is mended. */
export function sourceHints(sources: readonly SourceLedger[]): string[] {
  return sources.flatMap((one) => {
    const name = nameOf(one)
    const lines: string[] = []
    if (one.cut_by_sender > 0)
      lines.push(
        `${name}: ${one.cut_by_sender} events were cut by their sender, and a label at the end is lost: on ESXi ` +
          'raise Syslog.global.remoteHost.maxMsgLen (TCP and TLS, up to 16384), and send by TCP or TLS instead of UDP',
      )
    if (one.truncated > 0)
      lines.push(
        `${name}: ${one.truncated} events were cut on their way: raise \`frame_max\` of the listener`,
      )
    if (total(one.unlisted) > 0)
      lines.push(`${name}: sends what \`sources\` does not list for it: ${counts(one.unlisted)}`)
    const { clock_skew: skew } = one
    if (skew !== null && Math.max(skew.most, -skew.least) >= SKEW_SECONDS)
      lines.push(
        `${name}: clocks are off by ${spanText(skew.least)} to ${spanText(skew.most)}, most at ${skew.peer ?? 'an unknown peer'}: ` +
          'set them by NTP, or the source’s `zone` if it is near whole hours (late events look like slow clocks)',
      )
    return lines
  })
}

function nameOf({ source }: SourceLedger): string {
  return source ?? '(no source)'
}

function clockText({ clock_skew: skew }: SourceLedger): string {
  if (skew === null) return '-'
  const worst = Math.abs(skew.least) > Math.abs(skew.most) ? skew.least : skew.most
  return spanText(worst)
}

/** `+0.3 s`, `-61.0 min`, `+2.0 h`, `-192.3 d`: in a unit that shows a wrong zone as whole hours. */
function spanText(seconds: number): string {
  const size = Math.abs(seconds)
  const [unit, by] = UNITS.find(([, , below]) => size < below) ?? ['d', 86_400]
  return `${seconds >= 0 ? '+' : ''}${(seconds / by).toFixed(1)} ${unit}`
}

function counts(by: Readonly<Record<string, number>>): string {
  return Object.entries(by)
    .map(([key, events]) => `${key} ${events}`)
    .join(', ')
}

function total(by: Readonly<Record<string, number>>): number {
  return Object.values(by).reduce((sum, events) => sum + events, 0)
}

function row(cells: readonly string[]): string {
  return cells
    .map((text, n) => (n < 2 ? text.padEnd(WIDTHS[n] ?? 0) : text.padStart(WIDTHS[n] ?? 0)))
    .join(' ')
}
