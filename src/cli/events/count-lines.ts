/** Carries out `logweir parse --stats`: a day's log in one pass, in memory that does not grow with it. */
import { EventFlag, type EventView } from '../../classify/view.ts'
import type { CliArgs } from '../command.ts'
import { openInput } from '../input.ts'
import { print } from '../output.ts'
import { captureLines } from './capture-report.ts'
import { CaptureStats } from './capture-stats.ts'
import { FROM_NOBODY, readEvents } from './event-lines.ts'
import { clockOf, formOf } from './parse-lines.ts'
import { configuredRules, shippedStreams } from './rules.ts'

export async function countLines(args: CliArgs): Promise<number> {
  const config = args.text('config')
  const rules = config === undefined ? undefined : configuredRules(config)
  const streams = rules?.plan.streams ?? shippedStreams()
  const { zone, received_at } = clockOf(args)
  const form = formOf(args.text('format'))
  const input = openInput(args.argument)
  const stats = new CaptureStats(rules?.plan, zone)
  // Nobody asks here whether the sender may send the stream.
  const onEvent = (view: EventView): void => {
    if (form !== undefined && view.form !== form) view.flags |= EventFlag.invalid
    stats.add(view, rules === undefined ? 0 : rules.ownership.decideTrusted(view, true))
  }
  const arrival = { ...FROM_NOBODY, ...(received_at === undefined ? {} : { received_at }) }
  await readEvents(input, streams, arrival, onEvent, async () => undefined)
  const report = stats.report(streams, rules?.plan)
  if (args.flag('json')) print(JSON.stringify(report))
  else for (const line of captureLines(input.name, report)) print(line)
  return 0
}
