/** Carries out `logweir parse`: as bytes, because people feed it gigabytes. */
import { JsonBuffer } from '../../base/json-buffer.ts'
import type { EventContext, EventOwnership } from '../../classify/event-json.ts'
import { writeEventJson } from '../../classify/event-json-writer.ts'
import { EventFlag, type EventView, HeaderForm } from '../../classify/view.ts'
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
  const owners = rules === undefined ? undefined : ownershipOf(rules)
  const form = formOf(args.text('format'))
  const input = openInput(args.argument)
  const out = new JsonBuffer(2 * HELD)
  const plain: EventContext = {}
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
  await readEvents(input, streams, FROM_NOBODY, onEvent, () => writeOut(live ? 0 : HELD))
  await writeOut(0)
  return 0
}

export function formOf(format: string | undefined): HeaderForm | undefined {
  if (format === 'rfc5424') return HeaderForm.rfc5424
  return format === 'rfc3164' ? HeaderForm.rfc3164 : undefined
}

/** The context of each owner, made once: its JSON is kept with it. Nobody asks here whether the sender may send the stream. */
function ownershipOf({ plan, settings, ownership }: Rules): (view: EventView) => EventContext {
  const names = new PlanNames(plan, settings)
  const nobody: EventContext = { ownership: null }
  const known = plan.owners.map((_, id): EventContext => {
    const owner: EventOwnership | null = names.owner(id)
    return { ownership: owner }
  })
  return (view) => {
    const owner = ownership.decideTrusted(view, true)
    return owner > 0 ? (known[owner] ?? nobody) : nobody
  }
}
