/** Carries out `logweir explain`. */
import { Buffer } from 'node:buffer'
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import path from 'node:path'
import { LogweirError } from '../../base/errors.ts'
import type { EventView } from '../../classify/view.ts'
import type { Settings } from '../../config/types.ts'
import { Admission } from '../../listen/admission.ts'
import { plainAddress } from '../../listen/prefixes.ts'
import type { CliArgs } from '../command.ts'
import { openInput } from '../input.ts'
import { say, write } from '../output.ts'
import { shortStory, story, storyJson } from '../trace/story.ts'
import { Tracer, type Trace, type TracedForwarder } from '../trace/tracer.ts'
import { type Arrival, FROM_NOBODY, readEvents } from './event-lines.ts'
import { modelledRules } from './rules.ts'

/** In the place of the router's own key, where that cannot be read: hashes look alike and are others. */
export const STAND_IN_KEY = 'logweir: a key that hides nothing'

export async function explainLines(args: CliArgs): Promise<number> {
  const { plan, settings, model } = modelledRules(args.text('config'))
  const peer = args.text('peer')
  const arrival = peer === undefined ? FROM_NOBODY : arrivalOf(peer, settings)
  const refused = peer !== undefined && settings.sources.length > 0 && arrival.source === 0
  const tracer = new Tracer({ plan, model, settings, key: keyOf(settings, plan.edits.length > 0) })
  const input = openInput(args.argument)
  const json = args.flag('json')
  const short = args.flag('short')
  const options = { others: json, ...(peer === undefined ? { trusted: true } : {}) }
  let out: string[] = []
  const onEvent = (view: EventView, line: number): void => {
    const told = tracer.trace(view, options)
    const trace: Trace = refused ? { ...told, forwarders: told.forwarders.map(refuse) } : told
    if (json) out.push(storyJson(line, trace))
    else out.push(...(short ? shortStory(line, trace) : story(line, trace)))
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

function refuse({ tenant, forwarder, place }: TracedForwarder): TracedForwarder {
  const because = 'the peer is in none of the sources: refused'
  return { tenant, forwarder, decision: 'skip', because, place }
}

/** The router's key of hashes where it can be read: never made here, since explaining changes nothing. */
function keyOf({ redaction, data }: Settings, edits: boolean): string {
  if (redaction.key !== null) return redaction.key
  const file = path.join(data, 'redaction.key')
  try {
    if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  } catch {
    // Another user's: the stand-in does.
  }
  if (edits) say('hashes are made with a stand-in key: the router’s own is not there or cannot be read')
  return STAND_IN_KEY
}
