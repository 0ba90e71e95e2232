/** Carries out `logweir parse`: as bytes, because people feed it gigabytes. */
import { LogweirError } from '../../base/errors.ts'
import { JsonBuffer } from '../../base/json-buffer.ts'
import type { EventContext, EventOwnership } from '../../classify/event-json.ts'
import { writeEventJson } from '../../classify/event-json-writer.ts'
import { EventFlag, type EventView, HeaderForm } from '../../classify/view.ts'
import { zoneOffset } from '../../classify/zone.ts'
import { PlanNames } from '../../worker/names.ts'
import type { CliArgs } from '../command.ts'
import { openInput } from '../input.ts'
import { write } from '../output.ts'
import { FROM_NOBODY, readEvents } from './event-lines.ts'
import { configuredRules, type Rules, shippedStreams } from './rules.ts'

const LF = 0x0a
/** Text held until it is written. */
const HELD = 256 * 1024

export async function parseLines(args: CliArgs): Promise<number> {
  const config = args.text('config')
  const rules = config === undefined ? undefined : configuredRules(config)
  const streams = rules?.plan.streams ?? shippedStreams()
  const { zone, received_at } = clockOf(args)
  const owners = rules === undefined ? undefined : ownershipOf(rules, zone)
  const form = formOf(args.text('format'))
  const input = openInput(args.argument)
  const out = new JsonBuffer(2 * HELD)
  const plain: EventContext = { zone }
  const onEvent = (view: EventView): void => {
    if (form !== undefined && view.form !== form) view.flags |= EventFlag.invalid
    writeEventJson(
      view,
      streams[view.stream]?.name ?? 'other',
      out,
      owners === undefined ? plain : owners(view),
    )
    out.putByte(LF)
  }
  const writeOut = async (least: number): Promise<void> => {
    if (out.length <= least) return
    const bytes = out.copyOut()
    out.clear()
    await write(bytes)
  }
  const live = input.size === null
  // What comes from a pipe may come from `tail -f`: every line is wanted at once.
  const arrival = { ...FROM_NOBODY, ...(received_at === undefined ? {} : { received_at }) }
  await readEvents(input, streams, arrival, onEvent, () => writeOut(live ? 0 : HELD))
  await writeOut(0)
  return 0
}

export function formOf(format: string | undefined): HeaderForm | undefined {
  if (format === 'rfc5424') return HeaderForm.rfc5424
  return format === 'rfc3164' ? HeaderForm.rfc3164 : undefined
}

/** Where the senders' clocks are and when the lines came, as far as that was given. */
export function clockOf(args: CliArgs): { readonly zone: string; readonly received_at: number | undefined } {
  const zone = args.text('zone') ?? 'UTC'
  if (Number.isNaN(zoneOffset(zone, 0)))
    throw new LogweirError(
      'LW_USAGE',
      `"${zone}" is not a time zone`,
      'give `--zone` an IANA name such as Europe/Berlin',
    )
  const time = args.text('received')
  const received_at = time === undefined ? undefined : Date.parse(time)
  if (Number.isNaN(received_at))
    throw new LogweirError(
      'LW_USAGE',
      `"${time}" is not a time`,
      'give `--received` a time as 2026-01-02T03:04:05Z',
    )
  return { zone, received_at }
}

/** The context of each owner, made once: its JSON is kept with it. Nobody asks here whether the sender may send the stream. */
function ownershipOf({ plan, settings, ownership }: Rules, zone: string): (view: EventView) => EventContext {
  const names = new PlanNames(plan, settings)
  const nobody: EventContext = { ownership: null, zone }
  const known = plan.owners.map((_, id): EventContext => {
    const owner: EventOwnership | null = names.owner(id)
    return { ownership: owner, zone }
  })
  return (view) => {
    const owner = ownership.decideTrusted(view, true)
    return owner > 0 ? (known[owner] ?? nobody) : nobody
  }
}
