/** The published APIs of destinations over HTTP, as strict as the real ones where that is known. */
import { Buffer } from 'node:buffer'
import type { Asked, Product, Said } from './strict-http.ts'

const json = (status: number, value: unknown, headers?: Record<string, string>): Said => ({
  status,
  body: JSON.stringify(value),
  ...(headers === undefined ? {} : { headers }),
})

type Object_ = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Object_ =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export interface Limits {
  /** Bytes of a body as the product counts them. */
  readonly bytes_max?: number
  /** Events that the product will never take. */
  readonly poison?: (text: string) => boolean
}

/** A receiver of JSON arrays or lines, in the form of `logweir.event/1` or any other with `field` as text. */
export class PlainReceiver implements Product {
  readonly #limits: Limits & { readonly form: 'array' | 'ndjson'; readonly field: string }

  constructor(limits: Limits & { readonly form: 'array' | 'ndjson'; readonly field: string }) {
    this.#limits = limits
  }

  answer(asked: Asked, store: (text: string) => void): Said {
    const { form, field, bytes_max = 10_000_000, poison = () => false } = this.#limits
    if (asked.method !== 'POST') return { status: 405 }
    const type = form === 'array' ? 'application/json' : 'application/x-ndjson'
    if (asked.headers['content-type'] !== type) return { status: 415 }
    if (asked.body.length > bytes_max) return { status: 413 }
    let events: unknown[]
    try {
      if (form === 'array') events = JSON.parse(asked.body) as unknown[]
      else {
        if (!asked.body.endsWith('\n')) return json(400, { error: 'no newline at the end' })
        events = asked.body
          .slice(0, -1)
          .split('\n')
          .map((line) => JSON.parse(line) as unknown)
      }
    } catch {
      return json(400, { error: 'no JSON' })
    }
    if (!Array.isArray(events) || events.length === 0) return json(400, { error: 'no events' })
    const texts = events.map((event) => (isObject(event) ? event[field] : undefined))
    if (texts.some((text) => typeof text !== 'string')) return json(400, { error: `no ${field}` })
    const bad = (texts as string[]).findIndex(poison)
    if (bad !== -1) return json(400, { error: `event ${bad} is refused` })
    for (const text of texts) store(text as string)
    return { status: 202 }
  }
}

const CFAPI_PATH = /^\/api\/v1\/events\/ingest\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const CFAPI_NAME = /^[a-z_][a-z0-9_]{0,63}$/

/** Log Insight's ingestion API, as narrow as its narrowest generation. */
export class CfapiReceiver implements Product {
  readonly #limits: Limits

  constructor(limits: Limits = {}) {
    this.#limits = limits
  }

  answer(asked: Asked, store: (text: string) => void): Said {
    const { bytes_max = 1_000_000, poison = () => false } = this.#limits
    if (asked.method !== 'POST' || !CFAPI_PATH.test(asked.path)) return { status: 404 }
    if (asked.headers.authorization !== 'Bearer planted-key-1')
      return { status: 401, body: 'Invalid session ID' }
    if (asked.body.length > bytes_max) return { status: 413 }
    const body = JSON.parse(asked.body) as unknown
    const events = isObject(body) && Object.keys(body).join() === 'events' ? body['events'] : undefined
    if (!Array.isArray(events) || events.length === 0) return json(400, { errorMessage: 'Missing events' })
    const wrong = events.findIndex((event) => !isCfapiEvent(event) || poison(event.text))
    if (wrong !== -1) return json(400, { errorMessage: 'no', errorCode: 'JSON_FORMAT_ERROR' })
    for (const { text } of events as { text: string }[]) store(text)
    return json(200, { status: 'ok', message: 'events ingested', ingested: events.length })
  }
}

function isCfapiEvent(event: unknown): event is { readonly text: string } {
  if (!isObject(event) || Object.keys(event).sort().join() !== 'fields,text,timestamp') return false
  const { text, timestamp, fields } = event
  if (typeof text !== 'string' || Buffer.byteLength(text) > 16_384) return false
  if (!Number.isSafeInteger(timestamp) || !Array.isArray(fields)) return false
  const names = fields.map((field: unknown) => {
    if (!isObject(field) || Object.keys(field).sort().join() !== 'content,name') return ''
    return typeof field['content'] === 'string' ? String(field['name']) : ''
  })
  return names.every((name) => CFAPI_NAME.test(name)) && new Set(names).size === names.length
}

/** Log Insight Cloud: flat objects, a bearer key, the structure header. */
export class CloudReceiver implements Product {
  readonly #plain: PlainReceiver

  constructor(limits: Limits = {}) {
    this.#plain = new PlainReceiver({ form: 'array', field: 'text', bytes_max: 1_048_576, ...limits })
  }

  answer(asked: Asked, store: (text: string) => void): Said {
    if (asked.path !== '/le-mans/v1/streams/ingestion-pipeline-stream') return { status: 404 }
    if (asked.headers.authorization !== 'Bearer planted-key-1') return { status: 401 }
    if (asked.headers['structure'] !== 'default') return { status: 400 }
    const events = JSON.parse(asked.body) as Object_[]
    for (const event of events)
      if (Object.entries(event).some(([key, value]) => /[^a-z0-9_]/.test(key) || typeof value !== 'string'))
        return json(400, { error: 'not flat' })
    return this.#plain.answer(asked, store)
  }
}

const HEC_KEYS = ['time', 'host', 'source', 'sourcetype', 'index', 'event', 'fields']

/** Splunk's event collector. */
export class HecReceiver implements Product {
  readonly #limits: Limits & { readonly acknowledge?: boolean; readonly indexes?: readonly string[] }
  /** Requests that are not acknowledged yet, by number, and how often they were asked for. */
  readonly #open = new Map<number, { asked: number; channel: string }>()
  #next = 0
  /** How often a number must be asked for before it is true; Infinity: never. */
  asks = 2
  /** Answers to questions for acknowledgements. */
  polls = 0

  constructor(limits: HecReceiver['limits'] = {}) {
    this.#limits = limits
  }

  get limits(): Limits & { readonly acknowledge?: boolean; readonly indexes?: readonly string[] } {
    return this.#limits
  }

  answer(asked: Asked, store: (text: string) => void): Said {
    const { acknowledge = false, bytes_max = 1_000_000 } = this.#limits
    const token = asked.headers.authorization
    if (token === undefined) return json(401, { text: 'Token is required', code: 2 })
    if (!/^Splunk \S+$/.test(token)) return json(401, { text: 'Invalid authorization', code: 3 })
    if (token !== 'Splunk planted-key-1') return json(403, { text: 'Invalid token', code: 4 })
    if (asked.method !== 'POST') return { status: 405 }
    if (asked.path === '/services/collector/ack') return this.#acknowledge(asked)
    if (asked.path !== '/services/collector/event') return { status: 404 }
    if (asked.body.length > bytes_max) return { status: 413, body: 'Content-Length is too large' }
    const channel = asked.headers['x-splunk-request-channel']
    if (acknowledge && typeof channel !== 'string')
      return json(400, { text: 'Data channel is missing', code: 10 })
    if (acknowledge && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(channel)))
      return json(400, { text: 'Invalid data channel', code: 11 })
    if (asked.body === '') return json(400, { text: 'No data', code: 5 })
    const texts: string[] = []
    const events = concatenated(asked.body)
    for (const [n, event] of events.entries()) {
      const refusal = this.#refusal(event)
      if (refusal !== null) return json(400, { ...refusal, 'invalid-event-number': n })
      texts.push(JSON.stringify((event as Object_)['event']))
    }
    for (const text of texts) store(text)
    if (!acknowledge) return json(200, { text: 'Success', code: 0 })
    const ackId = this.#next
    this.#next += 1
    this.#open.set(ackId, { asked: 0, channel: String(channel) })
    return json(200, { text: 'Success', code: 0, ackId }, { 'set-cookie': 'AWSELB=one; Path=/' })
  }

  #refusal(event: unknown): { text: string; code: number } | null {
    const { indexes = ['main'], poison = () => false } = this.#limits
    if (!isObject(event) || Object.keys(event).some((key) => !HEC_KEYS.includes(key)))
      return { text: 'Invalid data format', code: 6 }
    if (event['event'] === undefined) return { text: 'Event field is required', code: 12 }
    if (event['event'] === '') return { text: 'Event field cannot be blank', code: 13 }
    if (event['index'] !== undefined && !indexes.some((index) => index === event['index']))
      return { text: 'Incorrect index', code: 7 }
    if (typeof event['time'] !== 'number' || typeof event['host'] !== 'string' || event['host'] === '')
      return { text: 'Invalid data format', code: 6 }
    const fields = event['fields']
    if (!isObject(fields) || Object.values(fields).some((value) => typeof value === 'object'))
      return { text: 'Error in handling indexed fields', code: 15 }
    return poison(JSON.stringify(event['event'])) ? { text: 'Invalid data format', code: 6 } : null
  }

  #acknowledge(asked: Asked): Said {
    const channel = asked.query.get('channel') ?? ''
    if (this.#limits.acknowledge !== true) return json(400, { text: 'ACK is disabled', code: 14 })
    this.polls += 1
    const { acks } = JSON.parse(asked.body) as { acks: number[] }
    const said: Record<string, boolean> = {}
    for (const id of acks) {
      const open = this.#open.get(id)
      said[String(id)] = false
      if (open === undefined || open.channel !== channel) continue
      open.asked += 1
      if (open.asked < this.asks) continue
      // It is told once.
      said[String(id)] = true
      this.#open.delete(id)
    }
    return json(200, { acks: said })
  }
}

/** JSON values one behind the other, without anything in between. */
function concatenated(text: string): unknown[] {
  const found: unknown[] = []
  let depth = 0
  let inside = false
  let from = 0
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]
    if (inside) {
      if (c === '\\') i += 1
      else if (c === '"') inside = false
    } else if (c === '"') inside = true
    else if (c === '{' || c === '[') depth += 1
    else if (c === '}' || c === ']') {
      depth -= 1
      if (depth > 0) continue
      try {
        found.push(JSON.parse(text.slice(from, i + 1)))
      } catch {
        found.push(undefined)
      }
      from = i + 1
    }
  }
  if (from < text.length) found.push(undefined)
  return found
}

/** Elasticsearch's `_bulk` into data streams (`create` only) or indexes. */
export class BulkReceiver implements Product {
  readonly #limits: Limits & { readonly data_streams?: boolean }
  /** Documents by index and id. */
  readonly documents = new Map<string, Object_>()
  /** Events of a request that are not taken now. */
  overloaded: (n: number) => boolean = () => false

  constructor(limits: Limits & { readonly data_streams?: boolean } = {}) {
    this.#limits = limits
  }

  answer(asked: Asked, store: (text: string) => void): Said {
    const { bytes_max = 10_000_000 } = this.#limits
    if (asked.headers.authorization !== 'ApiKey planted-key-1')
      return json(401, {
        error: { type: 'security_exception', reason: 'missing authentication credentials' },
        status: 401,
      })
    if (asked.method !== 'POST' || asked.path !== '/_bulk')
      return json(405, { error: 'Incorrect HTTP method' })
    if (!['application/x-ndjson', 'application/json'].includes(asked.headers['content-type'] ?? ''))
      return json(406, { error: 'Content-Type header is not supported' })
    if (asked.body.length > bytes_max) return { status: 413 }
    const illegal = (reason: string): Said =>
      json(400, { error: { type: 'illegal_argument_exception', reason }, status: 400 })
    if (!asked.body.endsWith('\n')) return illegal('The bulk request must be terminated by a newline [\\n]')
    const lines = asked.body.slice(0, -1).split('\n')
    if (lines.length % 2 !== 0) return illegal('Validation Failed: 1: no requests added;')
    const items: Object_[] = []
    for (let i = 0; i < lines.length; i += 2) {
      const action = Object.entries(JSON.parse(lines[i] ?? '') as Record<string, Record<string, string>>)
      if (action.length !== 1) return illegal('Malformed action/metadata line')
      const [op, meta] = action[0] as [string, Record<string, string>]
      if (!['create', 'index'].includes(op)) return illegal('Malformed action/metadata line')
      items.push({ [op]: this.#item(op, meta, lines[i + 1] ?? '', i / 2, store) })
    }
    const errors = items.some((item) => Object.values(item).some((result) => (result as Object_)['error']))
    return json(200, filtered({ took: 1, errors, items }, asked.query.get('filter_path')))
  }

  #item(
    op: string,
    { _index = '', _id = '' }: Record<string, string>,
    line: string,
    n: number,
    store: (text: string) => void,
  ): Object_ {
    const { data_streams = true, poison = () => false } = this.#limits
    const fail = (status: number, type: string, reason: string): Object_ => ({
      _index,
      _id,
      status,
      error: { type, reason },
    })
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(_index))
      return fail(400, 'invalid_index_name_exception', `Invalid index name [${_index}]`)
    if (Buffer.byteLength(_id) > 512) return fail(400, 'illegal_argument_exception', 'id is too long')
    if (data_streams && op !== 'create')
      return fail(
        400,
        'illegal_argument_exception',
        'only write ops with an op_type of create are allowed in data streams',
      )
    if (this.overloaded(n))
      return fail(429, 'es_rejected_execution_exception', 'rejected execution of primary operation')
    let document: unknown
    try {
      document = JSON.parse(line)
    } catch {
      return fail(400, 'document_parsing_exception', 'failed to parse')
    }
    if (!isObject(document)) return fail(400, 'document_parsing_exception', 'failed to parse')
    if (data_streams && Number.isNaN(Date.parse(String(document['@timestamp']))))
      return fail(400, 'document_parsing_exception', 'data stream timestamp field [@timestamp] is missing')
    if (poison(line))
      return fail(400, 'document_parsing_exception', 'failed to parse field [source.ip] of type [ip]')
    const key = `${_index}/${_id}`
    if (op === 'create' && this.documents.has(key))
      return fail(
        409,
        'version_conflict_engine_exception',
        `[${_id}]: version conflict, document already exists`,
      )
    this.documents.set(key, document)
    store(line)
    return { _index, _id, _version: 1, result: 'created', status: 201 }
  }
}

/** What `filter_path` leaves of an answer; only the paths that are used. */
function filtered(
  answer: { took: number; errors: boolean; items: Object_[] },
  filter: string | null,
): unknown {
  if (filter === null) return answer
  const paths = filter.split(',')
  const items = answer.items.map((item) =>
    Object.fromEntries(
      Object.entries(item).map(([op, result]) => {
        const { status, error } = result as { status: number; error?: { type: string; reason: string } }
        return [
          op,
          {
            ...(paths.includes('items.*.status') ? { status } : {}),
            ...(error !== undefined && paths.includes('items.*.error.reason') ? { error } : {}),
          },
        ]
      }),
    ),
  )
  return { ...(paths.includes('errors') ? { errors: answer.errors } : {}), items }
}
