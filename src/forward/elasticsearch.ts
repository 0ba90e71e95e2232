/**
 * Type `elasticsearch`: `_bulk` of Elasticsearch and OpenSearch. A 200 says only that the request was read: every event
 * has its own status. Those that are there already (409 on `create` with an id of ours) are delivered, 429 and 5xx are
 * sent again alone, other refusals are set aside.
 */
import { BARE } from './body.ts'
import { BulkEncoder } from './encode/bulk.ts'
import { withLineEnd } from './encode/line-end.ts'
import { clientOf, type HttpType, isAnswer, jsonOf } from './http-sender.ts'
import {
  type Answer,
  BACKOFF,
  isLater,
  type Outcome,
  outcomeOf,
  quote,
  type Refused,
  waitOf,
  whyOf,
} from './outcome.ts'

/** Only what is looked at: statuses and reasons, without names and versions. Ours and OpenSearch's both know it. */
const FILTER = 'filter_path=errors,error,items.*.status,items.*.error.type,items.*.error.reason'
/** An answer has so many bytes an event at most; beyond that the request is split. */
const ANSWER_EVENT_MAX = 2048
const ANSWER_MAX = 4_194_304
const WHY_MAX = 300

export const elasticsearchType: HttpType = (making) => {
  const { forwarder, deps, url } = making
  const options = forwarder.settings.http.elasticsearch
  if (options === null) throw new Error('settings of another type')
  const client = clientOf(making, {
    headers: { 'content-type': 'application/x-ndjson' },
    scheme: 'ApiKey',
  })
  const path = pathOf(url)
  return {
    encoder: new BulkEncoder(withLineEnd(jsonOf(making, true)), options),
    shape: BARE,
    pack: (body) => client.pack(body),
    post: async (sent, events) => {
      const whole_max = Math.min(ANSWER_MAX, 65_536 + events * ANSWER_EVENT_MAX)
      const got = await client.post({ path, body: sent, events: true, whole_max })
      return isAnswer(got) ? bulkOutcome(got, events, deps.clock.wall()) : got
    },
    close: () => client.close(),
  }
}

function pathOf(url: URL): string {
  const base = url.pathname.replace(/\/+$/, '')
  const query = url.search === '' ? `?${FILTER}` : `${url.search}&${FILTER}`
  return `${base.endsWith('/_bulk') ? base : `${base}/_bulk`}${query}`
}

/** What an answer to `events` events means. Pure. */
export function bulkOutcome(answer: Answer, events: number, wall: number): Outcome {
  if (answer.status < 200 || answer.status >= 300) return outcomeOf(answer, false, wall)
  if (answer.whole !== true) {
    // It says what became of each event, and that cannot be kept: of fewer events it should be shorter.
    const why = `answered ${answer.status} with more than is read`
    return events > 1 ? { kind: 'events', why, too_large: false } : { kind: 'retry', why, wait: BACKOFF }
  }
  const items = itemsOf(answer.text)
  if (items === null || items.length !== events) {
    const why = `answered ${answer.status} without a status for each event${quote(answer.text)}`
    return { kind: 'retry', why, wait: BACKOFF }
  }
  const refused: Refused[] = []
  const later: number[] = []
  let why = ''
  items.forEach((item, n) => {
    if ((item.status >= 200 && item.status < 300) || item.status === 409) return
    const words = `answered ${item.status}${quote(item.reason.slice(0, WHY_MAX))}`
    if (isLater(item.status)) {
      later.push(n)
      why = words
    } else refused.push({ n, why: words })
  })
  if (refused.length === 0 && later.length === 0) return { kind: 'delivered' }
  const wait = waitOf(answer, false, wall)
  return {
    kind: 'items',
    why: why === '' ? whyOf(answer) : `${later.length} events: ${why}`,
    refused,
    later,
    wait,
  }
}

interface Item {
  readonly status: number
  readonly reason: string
}

function itemsOf(text: string): readonly Item[] | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  const items = field(parsed, 'items')
  if (!Array.isArray(items)) return null
  const found: Item[] = []
  for (const item of items as readonly unknown[]) {
    // One key, the action's name, whatever it is.
    const results: readonly unknown[] = typeof item === 'object' && item !== null ? Object.values(item) : []
    const [result] = results
    const status = field(result, 'status')
    if (typeof status !== 'number') return null
    const error = field(result, 'error')
    const [type, reason] = [field(error, 'type'), field(error, 'reason')]
    found.push({ status, reason: [type, reason].filter((part) => typeof part === 'string').join(': ') })
  }
  return found
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
