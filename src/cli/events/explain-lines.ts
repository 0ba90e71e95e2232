/** Carries out `logweir explain`. */
import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import { LogweirError } from '../../base/errors.ts'
import { EventFlag, type EventView, HEADER_FORM_NAMES } from '../../classify/view.ts'
import type { Settings } from '../../config/types.ts'
import { Admission } from '../../listen/admission.ts'
import { plainAddress } from '../../listen/prefixes.ts'
import { ConditionSet } from '../../rules/conditions.ts'
import { explainEvent, type Explanation, type ForwarderDecision } from '../../rules/explain.ts'
import type { CliArgs } from '../command.ts'
import { cell } from '../text-table.ts'
import { openInput } from '../input.ts'
import { paint, say, write } from '../output.ts'
import { type Arrival, FROM_NOBODY, readEvents } from './event-lines.ts'
import { configuredRules } from './rules.ts'

/** What is printed of one line. */
export interface Explained extends Explanation {
  readonly line: number
  readonly header: (typeof HEADER_FORM_NAMES)[number]
  readonly valid: boolean
}

const LABEL_WIDTH = 80

export async function explainLines(args: CliArgs): Promise<number> {
  const { plan, settings, ownership } = configuredRules(args.text('config'))
  const peer = args.text('peer')
  const arrival = peer === undefined ? FROM_NOBODY : arrivalOf(peer, settings)
  const refused = peer !== undefined && settings.sources.length > 0 && arrival.source === 0
  const env = { listeners: settings.listeners.map(({ name }) => name), sources: settings.sources }
  const explainer = { plan, ownership, conditions: new ConditionSet(plan, env), env }
  const input = openInput(args.argument)
  const json = args.flag('json')
  const options = { others: json, ...(peer === undefined ? { trusted: true } : {}) }
  let out: string[] = []
  const onEvent = (view: EventView, line: number): void => {
    const { stream, forwarders, ...rest } = explainEvent(view, explainer, options)
    const explained = {
      line,
      stream,
      header: HEADER_FORM_NAMES[view.form],
      valid: (view.flags & EventFlag.invalid) === 0,
      ...rest,
      forwarders: refused ? forwarders.map(refuse) : forwarders,
    }
    if (json) out.push(JSON.stringify(explained))
    else out.push(...story(explained))
  }
  await readEvents(input, plan.streams, arrival, onEvent, async () => {
    if (out.length === 0) return
    const text = Buffer.from(`${out.join('\n')}\n`)
    out = []
    await write(text)
  })
  return 0
}

function arrivalOf(text: string, settings: Settings): Arrival {
  if (isIP(text) === 0) {
    throw new LogweirError('LW_USAGE', `"${text}" is not an address`, 'give `--peer` an IPv4 or IPv6 address')
  }
  const peer = plainAddress(text)
  const source = new Admission({ name: '', allow: null }, settings.sources).admit(peer)
  if (typeof source === 'number') return { peer, source }
  say(`${peer} is in none of the sources: the router refuses what it sends (unknown_source)`)
  return { peer, source: 0 }
}

function refuse({ tenant, forwarder }: ForwarderDecision): ForwarderDecision {
  return { tenant, forwarder, decision: 'skip', because: 'the peer is in none of the sources: refused' }
}

/** One event's explanation, for people. */
export function story({
  line,
  stream,
  header,
  valid,
  label,
  tenant,
  reason,
  forwarders,
}: Explained): string[] {
  const shown = label === null ? 'no label' : `label "${cell(label, LABEL_WIDTH)}"`
  const whose =
    tenant === null ? paint('yellow', `nobody's: ${reason}`) : paint('green', `${tenant}'s, by ${reason}`)
  const form = `${header === 'none' ? 'no' : header} header${valid ? '' : ', not valid'}`
  const names = forwarders.map((one) => `${one.tenant}/${one.forwarder}`)
  const width = Math.max(0, ...names.map((name) => name.length))
  return [
    `${line}: ${stream}, ${form}, ${shown}: ${whose}`,
    ...forwarders.map(({ decision, because }, n) => {
      const verdict = decision === 'forward' ? paint('green', 'forward') : paint('dim', 'skip   ')
      return `   ${verdict}  ${(names[n] ?? '').padEnd(width)}  ${because}`
    }),
  ]
}
