/**
 * Type `splunk-hec`: Splunk's HTTP event collector. Without acknowledgement a 200 says that the collector took the
 * events, which is what "delivered" means then; with it, an indexer must have said so (`hec-acks.ts`).
 */
import { BARE } from './body.ts'
import { encodedJson } from './encode/encodings.ts'
import { EventReader } from './encode/event-reader.ts'
import { HecEncoder } from './encode/hec.ts'
import { Acknowledgements } from './hec-acks.ts'
import { Cookies } from './cookies.ts'
import { clientOf, type HttpType, isAnswer } from './http-sender.ts'
import { parsed } from './json-answer.ts'
import { type Answer, BACKOFF, type Outcome, outcomeOf, waitOf, whyOf } from './outcome.ts'

const COLLECTOR = '/services/collector'
const ANSWER_MAX = 16_384

export const hecType: HttpType = (making) => {
  const { forwarder, deps, url } = making
  const { format, encoding, http, tags } = forwarder.settings
  const options = http.hec
  if (options === null) throw new Error('settings of another type')
  const client = clientOf(making, { scheme: 'Splunk', connections: options.acknowledge ? 1 : 0 })
  const cookies = new Cookies()
  const base =
    url.pathname === '/' ? COLLECTOR : url.pathname.replace(/\/services\/collector\b.*$/, COLLECTOR)
  const path = url.pathname === '/' ? `${COLLECTOR}/event${url.search}` : url.pathname + url.search
  const acks = options.acknowledge
    ? new Acknowledgements(client, cookies, `${base}/ack`, options.ack_timeout, deps)
    : null
  const moving = options.index?.includes('{') === true
  return {
    encoder: new HecEncoder(
      new EventReader(deps.streams),
      options,
      format === 'json' ? encodedJson(encoding, deps, false, tags) : null,
      tags,
    ),
    shape: BARE,
    pack: (body) => client.pack(body),
    post: async (sent): Promise<Outcome> => {
      const headers = { ...acks?.headers, ...cookies.headers }
      const got = await client.post({ path, body: sent, events: true, headers, whole_max: ANSWER_MAX })
      if (!isAnswer(got)) return got
      cookies.take(got.cookies ?? [])
      const outcome = hecOutcome(got, moving, deps.clock.wall())
      return outcome.kind === 'delivered' && acks !== null ? acks.accept(got) : outcome
    },
    close: async () => {
      acks?.close()
      await client.close()
    },
  }
}

/** Codes that a person must mend: tokens, channels, what the collector is set up for. */
const MEND: ReadonlySet<number> = new Set([1, 2, 3, 4, 10, 11, 14, 16])
/** Codes that speak of the events. */
const EVENTS: ReadonlySet<number> = new Set([5, 6, 12, 13, 15, 22])
const WRONG_INDEX = 7

/**
 * What an answer of the collector means. Pure. `moving`: the index is another one for other events, so a wrong one is
 * the event's fault and not the settings'.
 */
export function hecOutcome(answer: Answer, moving: boolean, wall: number): Outcome {
  const by_status = outcomeOf(answer, false, wall)
  if (by_status.kind === 'delivered' || answer.status === 413) return by_status
  const said = parsed(answer.text)
  const code = said?.['code']
  if (typeof code !== 'number') return by_status
  const why = whyOf(answer)
  if (MEND.has(code) || (code === WRONG_INDEX && !moving)) return { kind: 'paused', why }
  if (EVENTS.has(code) || code === WRONG_INDEX) {
    const at = said?.['invalid-event-number']
    const whole = typeof at === 'number' && Number.isSafeInteger(at) && at >= 0
    return { kind: 'events', why, too_large: false, ...(whole ? { at } : {}) }
  }
  // 8 an error inside, 9 busy, 18 to 20 and 23 to 27 full queues and shutting down.
  if (answer.status >= 500 || answer.status === 429)
    return { kind: 'retry', why, wait: waitOf(answer, false, wall) }
  return by_status.kind === 'events' ? by_status : { kind: 'retry', why, wait: BACKOFF }
}
