/**
 * HTTP of the admin interface: Node's own server, routes by find-my-way, JSON in and out. A framework would bring four times
 * the memory of a quiet router's main thread (docs/decisions.md, Memory) for what these few routes do not use.
 */
import { Buffer } from 'node:buffer'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { errorText } from '../base/errors.ts'
import { nodeHttp } from '../base/late.ts'
import { API_HEADER, API_VERSION } from './api-header.ts'
import { Door } from './door.ts'

const BODY_MAX = 64 * 1024
/** A request must be there within so many milliseconds, head and body. */
const REQUEST_MS = 30_000
const PARAM_MAX = 1024

export interface Asked {
  readonly headers: IncomingMessage['headers']
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
  /** Parsed JSON; null for an empty body. */
  readonly body: unknown
}

/** What is answered; anything else that a route returns is JSON with 200. */
export class Answer {
  readonly status: number
  readonly body: unknown
  readonly type: string

  constructor(status: number, body: unknown, type = 'application/json; charset=utf-8') {
    this.status = status
    this.body = body
    this.type = type
  }
}

type Act = (asked: Asked) => unknown
/** Undefined: go on. */
export type Check = (headers: Asked['headers']) => Answer | undefined
type Method = 'GET' | 'POST'

interface Route {
  readonly act: Act
  readonly check: Check | null
}

export class AdminApp {
  readonly server: Server
  readonly #routes = findMyWay({ maxParamLength: PARAM_MAX })

  /** `full` is told when a connection was closed because there were too many, or too many requests on it. */
  constructor(connections_max: number, full: () => void) {
    const door = new Door(connections_max, full)
    this.server = nodeHttp().createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS })
    this.server.on('connection', (socket) => door.enter(socket))
    this.server.on('request', (request, response) => {
      const { socket } = request
      if (!door.begin(socket)) return
      response.on('close', () => door.end(socket))
      this.#serve(request)
        .catch((error: unknown) => new Answer(500, { error: errorText(error), mend: 'see the log' }))
        .then((answer) => send(request, response, answer))
        .catch(() => response.destroy())
    })
  }

  get(path: string, act: Act): void {
    this.#add('GET', path, { act, check: null })
  }

  /** For whom `check` lets through; it is asked before a body is read. */
  checked(method: Method, path: string, check: Check, act: Act): void {
    this.#add(method, path, { act, check })
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((done) => this.server.close(() => done()))
    this.server.closeAllConnections()
    await closed
  }

  #add(method: Method, path: string, route: Route): void {
    this.#routes.on(method, path, () => undefined, route)
  }

  async #serve(request: IncomingMessage): Promise<Answer> {
    const url = request.url ?? '/'
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const found = method === 'GET' || method === 'POST' ? this.#routes.find(method, url) : null
    const route = found?.store as Route | null | undefined
    if (found === null || route === null || route === undefined) return this.#unknown(url)
    const refused = route.check?.(request.headers)
    if (refused !== undefined) return refused
    const body = method === 'POST' ? await readBody(request) : null
    if (body instanceof Answer) return body
    const { headers } = request
    const answer = await route.act({ headers, params: found.params, body })
    return answer instanceof Answer ? answer : new Answer(200, answer)
  }

  #unknown(url: string): Answer {
    const others = (['GET', 'POST'] as const).filter((method) => this.#routes.find(method, url)?.store)
    if (others.length === 0) return new Answer(404, { error: 'no such path', mend: 'see /openapi.json' })
    return new Answer(405, { error: 'not by this method', mend: `send ${others.join(' or ')}` })
  }
}

/** The parsed body, or what is answered to it. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_MAX)
      return new Answer(413, { error: `the body has more than ${BODY_MAX} bytes`, mend: 'send less' })
    chunks.push(chunk)
  }
  if (bytes === 0) return null
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type))
    return new Answer(415, { error: 'the body is not JSON', mend: 'send Content-Type: application/json' })
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown
  } catch (error) {
    return new Answer(400, { error: `the body is not JSON: ${errorText(error)}`, mend: 'send a JSON object' })
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, type }: Answer): void {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    [API_HEADER]: API_VERSION,
    // What is left of a body that nobody read must not be taken for another request.
    ...(request.complete || request.method === 'GET' || request.method === 'HEAD'
      ? {}
      : { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}
