/**
 * The ingestion API of one listener, over Node's HTTP server: which request is for what, when nothing is taken, and what
 * is answered. A 200 is said when every forwarder that writes first has committed (`Intake.acknowledge`).
 */
import { Buffer } from 'node:buffer'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fastq, { type queueAsPromised } from 'fastq'
import { errorCode } from '../../base/errors.ts'
import { nodeHttp } from '../../base/late.ts'
import type { CfapiListenerSettings, CfapiTlsListenerSettings } from '../../config/types.ts'
import type { ConnectionShared } from '../connection.ts'
import type { Bucket } from '../rates.ts'
import type { StreamPeer } from '../stream-listener.ts'
import type { ListenerDeps, Origin } from '../types.ts'
import * as answers from './answers.ts'
import type { Answer } from './answers.ts'
import { BodyBudget, BodyReader, decode } from './body.ts'
import { CfapiConnection } from './connection.ts'
import { type Route, routeOf } from './paths.ts'
import { send } from './send.ts'
import { Sessions } from './sessions.ts'
import { EVENTS_MAX, Taking } from './taking.ts'
import { FIRST_BYTES, type UnknownRequest, UnknownRequests } from './unknown-requests.ts'

/** Headers of one request in bytes (Node's default), and the bodies of all that are on their way. */
const HEADERS_MAX = 16_384
const BODIES = 8
const BODIES_MAX = 32 * 2 ** 20
/** Bodies that are inflated, read and handed over at once: one waits for zlib while another is read. */
const AT_ONCE = 2
/** How long disk gets before the client is told to come again: it would give up by itself soon after. */
const COMMIT_MS = 30_000
const RETRY_S = 2
/** A wrong password costs its client so long. */
const WRONG_LOGIN_MS = 1000
const LOGIN_MAX = 4096

interface Job {
  readonly connection: CfapiConnection
  readonly body: Buffer
  readonly encoding: string | undefined
}

/** How a turn ended: with an answer (null: to nobody), or with one that comes when the events are safe. */
type Turn = { readonly answer: Answer | null } | { readonly later: Promise<Answer> }

/** See the module. */
export class CfapiServer {
  readonly #settings: CfapiListenerSettings | CfapiTlsListenerSettings
  readonly #deps: ListenerDeps
  readonly #http: Server
  readonly #budget: BodyBudget
  readonly #sessions: Sessions | undefined
  readonly #unknown = new UnknownRequests()
  readonly #connections = new WeakMap<Socket, CfapiConnection>()
  readonly #turns: queueAsPromised<Job, Turn>
  readonly #takings = Array.from({ length: AT_ONCE }, () => new Taking())

  constructor(settings: CfapiListenerSettings | CfapiTlsListenerSettings, deps: ListenerDeps) {
    this.#settings = settings
    this.#deps = deps
    this.#budget = new BodyBudget(Math.max(BODIES_MAX, BODIES * settings.body_max))
    if (settings.sessions !== null) this.#sessions = new Sessions(settings.sessions, deps.clock)
    this.#turns = fastq.promise<this, Job, Turn>(this, take, AT_ONCE)
    // It never listens: sockets come from the stream listener, which also holds them to their times.
    this.#http = nodeHttp().createServer({
      maxHeaderSize: HEADERS_MAX,
      keepAlive: true,
      keepAliveTimeout: 0,
      noDelay: true,
    })
    this.#http.headersTimeout = 0
    this.#http.requestTimeout = 0
    this.#http.timeout = 0
    this.#http.on('request', (request, response) => void this.#serve(request, response, false))
    this.#http.on('checkContinue', (request, response) => void this.#serve(request, response, true))
    this.#http.on('clientError', (error, socket) => this.#broken(error, socket as Socket))
  }

  /** Speaks HTTP on an admitted socket. */
  open(shared: ConnectionShared, socket: Socket, origin: Origin, bucket: Bucket | undefined): StreamPeer {
    const connection = new CfapiConnection(shared, socket, origin, bucket)
    this.#connections.set(socket, connection)
    this.#http.emit('connection', socket)
    socket.resume()
    return connection
  }

  /** Requests for paths that nobody knows, the last few. */
  unknownRequests(): readonly UnknownRequest[] {
    return this.#unknown.list()
  }

  async #serve(request: IncomingMessage, response: ServerResponse, expects: boolean): Promise<void> {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) return void request.socket.destroy()
    response.on('error', ignore)
    connection.began(response)
    try {
      const answer = await this.#answer(request, response, connection, expects)
      if (answer !== null) send(response, answer, connection.closing)
    } catch (error) {
      // Ours, not the client's: it is told to come again, and the fault shows.
      this.#deps.log('error', 'a request failed', { listener: this.#settings.name, error: String(error) })
      send(response, { ...answers.busy('an internal error', RETRY_S), close: true }, true)
    } finally {
      connection.ended(response)
    }
  }

  /** Null: there is nobody to answer. */
  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    connection: CfapiConnection,
    expects: boolean,
  ): Promise<Answer | null> {
    const route = routeOf(request.url ?? '')
    const early = this.#early(request, route, connection)
    if (early !== null) {
      request.resume()
      return early
    }
    if (expects) response.writeContinue()
    const max = route === 'sessions' || route === 'unknown' ? LOGIN_MAX : this.#settings.body_max
    const body = new BodyReader(request, this.#budget, max)
    try {
      const gathered = await body.read()
      connection.gathered(response)
      if (route === 'unknown') return this.#note(request, connection, gathered)
      switch (gathered.kind) {
        case 'gone':
          // Cut off by us for its slowness is counted there; what is left is a client that died.
          if (!connection.refused) connection.refuse('reset')
          return null
        case 'too_large':
          connection.refuse('request_too_large')
          return answers.tooLarge(`the body has more than ${max} bytes`)
        case 'no_memory':
          connection.refuse('queue_full')
          return answers.busy('too many requests are on their way', RETRY_S)
        case 'body':
          break
      }
      if (route === 'sessions') return await this.#logIn(gathered.bytes, connection)
      const encoding = request.headers['content-encoding']
      const turn = await this.#turns.push({ connection, body: gathered.bytes, encoding })
      body.free()
      const answer = 'later' in turn ? await turn.later : turn.answer
      return answer !== null && route === 'messages' ? answers.deprecated(answer) : answer
    } finally {
      body.free()
    }
  }

  /** What needs no body to be answered. */
  #early(request: IncomingMessage, route: Route, connection: CfapiConnection): Answer | null {
    if (route === 'unknown') return null
    if (request.method !== 'POST') return answers.wrongMethod(request.method ?? '')
    if (route === 'sessions')
      return this.#sessions === undefined ? answers.notFound(request.url ?? '') : connection.crowded()
    const unfit = this.#judge(request)
    if (unfit !== null) {
      connection.refuse('unauthorized')
      return unfit
    }
    return connection.overload() ?? connection.overRate()
  }

  /** Only a client that brings a session is told that it is wrong, unless one is required. */
  #judge(request: IncomingMessage): Answer | null {
    const sessions = this.#sessions
    const { authorization } = request.headers
    if (sessions === undefined) return null
    if (authorization === undefined) return sessions.required ? answers.NO_SESSION : null
    const verdict = sessions.judge(authorization)
    if (verdict === 'good') return null
    return verdict === 'expired' ? answers.SESSION_EXPIRED : answers.NO_SESSION
  }

  async #logIn(body: Buffer, connection: CfapiConnection): Promise<Answer> {
    const { clock } = this.#deps
    const login = parseLogin(body)
    if (login === undefined) return answers.badBody('expected {"username":…,"password":…,"provider":"Local"}')
    const session = this.#sessions?.logIn(login.username, login.password)
    if (session !== undefined)
      return { status: 200, body: { userId: session.user, sessionId: session.id, ttl: session.ttl } }
    connection.refuse('unauthorized')
    await new Promise<void>((resolve) => clock.after(WRONG_LOGIN_MS, resolve))
    return answers.WRONG_LOGIN
  }

  /** Carries out one turn: from bytes to an answer. */
  async take({ connection, body, encoding }: Job): Promise<Turn> {
    const decoded = await decode(body, encoding, this.#settings.body_max)
    if (connection.gone) {
      connection.refuse('reset')
      return { answer: null }
    }
    switch (decoded.kind) {
      case 'unknown':
        connection.refuse('request_invalid')
        return { answer: answers.badEncoding(encoding ?? '') }
      case 'too_large':
        connection.refuse('request_too_large')
        return { answer: answers.tooLarge(`the body inflates to more than ${this.#settings.body_max} bytes`) }
      case 'broken':
        connection.refuse('request_invalid')
        return { answer: answers.badBody(`the body cannot be inflated: ${decoded.why}`) }
      case 'body':
        return this.#read(connection, decoded.bytes)
    }
  }

  async #read(connection: CfapiConnection, body: Buffer): Promise<Turn> {
    const taking = this.#takings.pop() ?? new Taking()
    try {
      const settings = { frame_max: this.#settings.frame_max, zone: this.#zoneOf(connection.origin) }
      const read = await taking.read(body, settings, connection.shared)
      if (read.kind === 'bad' || (read.kind === 'events' && read.events === 0)) {
        connection.refuse('request_invalid')
        return { answer: read.kind === 'bad' ? answers.badBody(read.reason) : answers.MISSING_EVENTS }
      }
      if (read.kind === 'too_many') {
        connection.refuse('request_too_large')
        return { answer: answers.tooLarge(`the request has more than ${EVENTS_MAX} events`) }
      }
      if (connection.gone) {
        connection.refuse('reset')
        return { answer: null }
      }
      const busy = connection.overload()
      if (busy !== null) return { answer: busy }
      // Not waited for here: the next request's turn comes while disk works.
      return { later: connection.take(taking, read.events, COMMIT_MS) }
    } finally {
      this.#takings.push(taking)
    }
  }

  #zoneOf(origin: Origin): string {
    return this.#deps.sources[origin.source - 1]?.zone ?? 'UTC'
  }

  #note(
    request: IncomingMessage,
    connection: CfapiConnection,
    gathered: Awaited<ReturnType<BodyReader['read']>>,
  ): Answer | null {
    const { clock, log } = this.#deps
    const first = gathered.kind === 'body' ? gathered.bytes.subarray(0, FIRST_BYTES) : Buffer.alloc(0)
    const { peer } = connection.origin
    if (this.#unknown.note(request, peer, first, clock.wall(), clock.monotonic())) {
      const { method, path, headers, first: text } = this.#unknown.list().at(-1) as UnknownRequest
      const fields = { listener: this.#settings.name, peer, method, path, headers, first: text }
      log('info', 'a client asked for a path that is not known', fields)
    }
    if (gathered.kind === 'gone') return null
    return answers.notFound(request.url ?? '')
  }

  /** What is no HTTP, or headers without end. */
  #broken(error: Error, socket: Socket): void {
    const connection = this.#connections.get(socket)
    const code = errorCode(error) ?? ''
    if (code === 'ECONNRESET' || connection === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    if (code === 'HPE_INVALID_EOF_STATE') {
      // A client that ends inside a request. What was begun of a body counts where it is read.
      if (!connection.unfinished) connection.refuse('reset')
      socket.destroy()
      return
    }
    const first = (error as { rawPacket?: Buffer }).rawPacket?.[0]
    const overflow = code === 'HPE_HEADER_OVERFLOW'
    connection.refuse(first === 0x16 ? 'tls_on_plain' : overflow ? 'request_too_large' : 'request_invalid')
    const status = overflow ? '431 Request Header Fields Too Large' : '400 Bad Request'
    const body = JSON.stringify(
      answers.badBody(overflow ? 'the headers are too large' : 'this is no HTTP').body,
    )
    if (socket.writable)
      socket.end(
        `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      )
    socket.destroySoon()
  }
}

async function take(this: CfapiServer, job: Job): Promise<Turn> {
  return this.take(job)
}

function parseLogin(body: Buffer): { readonly username?: unknown; readonly password?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function ignore(): void {
  // A client that went away: its end is seen on the socket.
}
