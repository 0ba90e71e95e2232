/** Talks to the running router: finds it by the configuration or by URL, and reads the operator token by itself. */
import path from 'node:path'
import { Client } from 'undici'
import { API_HEADER, API_VERSION } from '../admin/api-header.ts'
import { readOperatorToken } from '../admin/token.ts'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import type { BindAddress } from '../config/types.ts'
import { readDoor } from './config-file.ts'

/** Milliseconds that the router may take for an answer; a reload of many tenants takes seconds. */
const ANSWER_MS = 60_000
const CONNECT_MS = 5000
/** Bytes of an answer at most: a status of 10,000 forwarders has about 4 MB. */
const ANSWER_MAX = 64 * 1024 * 1024
const TOKEN_VARIABLE = 'LOGWEIR_TOKEN'

export interface AdminClient {
  /** The answer's JSON. @throws {LogweirError} when the router cannot be reached or refuses. */
  get(path: string): Promise<unknown>
  /** `body` goes as JSON. */
  post(path: string, body?: object): Promise<unknown>
}

/** How a router is reached. */
interface Router {
  readonly origin: string
  readonly socketPath: string | null
  /** As people read it. */
  readonly shown: string
  readonly token: string
  /** Why there is no token; told only when the router asks for it: perhaps none runs at all. */
  readonly tokenless?: LogweirError
}

/** The router that `admin` (a URL) or `config` names; ./logweir.yaml when neither is given. */
export function adminClient(options: { config?: string; admin?: string }): AdminClient {
  const ask = async (method: 'GET' | 'POST', route: string, body?: object): Promise<unknown> => {
    const router = await findRouter(options)
    return request(router, method, route, body)
  }
  return { get: (route) => ask('GET', route), post: (route, body) => ask('POST', route, body) }
}

async function findRouter({ config, admin }: { config?: string; admin?: string }): Promise<Router> {
  const given = process.env[TOKEN_VARIABLE]
  if (admin !== undefined && given !== undefined) return { ...parseAdmin(admin), token: given }
  const { bind, data } = await readDoor(config)
  const where = admin === undefined ? parseAdmin(adminUrl(bind)) : parseAdmin(admin)
  if (given !== undefined) return { ...where, token: given }
  try {
    return { ...where, token: readOperatorToken(data) }
  } catch (error) {
    if (!(error instanceof LogweirError)) throw error
    return { ...where, token: '', tokenless: error }
  }
}

/** What to connect to, to reach an address that is listened on. */
export function adminUrl(bind: BindAddress): string {
  if (bind.kind === 'unix') return `unix:${bind.path}`
  if (bind.port === 0) {
    throw new LogweirError(
      'LW_ADMIN_PORT',
      'the configuration lets the system choose the port of `admin.bind`',
      'take the address from the first lines of the router and give it with `--admin URL`',
    )
  }
  const host = bind.host === '0.0.0.0' ? '127.0.0.1' : bind.host === '::' ? '::1' : bind.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${bind.port}`
}

/** Reads `http://HOST:PORT` or `unix:PATH`. @throws {LogweirError} when it is neither. */
export function parseAdmin(text: string): Pick<Router, 'origin' | 'socketPath' | 'shown'> {
  if (text.startsWith('unix:') && text.length > 'unix:'.length) {
    const socketPath = path.resolve(text.slice('unix:'.length))
    return { origin: 'http://localhost', socketPath, shown: `unix:${socketPath}` }
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '') {
    throw new LogweirError(
      'LW_ADMIN_URL',
      `"${text}" does not say where a router answers`,
      'give `--admin http://HOST:PORT` or `--admin unix:PATH`',
    )
  }
  return { origin: url.origin, socketPath: null, shown: url.origin }
}

async function request(
  router: Router,
  method: 'GET' | 'POST',
  route: string,
  body?: object,
): Promise<unknown> {
  const client = new Client(router.origin, {
    ...(router.socketPath === null ? {} : { socketPath: router.socketPath }),
    connectTimeout: CONNECT_MS,
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    maxResponseSize: ANSWER_MAX,
  })
  try {
    const answer = await client.request({
      path: route,
      method,
      headers: {
        authorization: `Bearer ${router.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.body.text()
    if (answer.statusCode === 200 && answer.headers[API_HEADER] !== API_VERSION) throw stranger(router)
    if (answer.statusCode === 200) return JSON.parse(text)
    throw refused(router, answer.statusCode, text)
  } catch (error) {
    throw error instanceof LogweirError ? error : unreachable(router, error)
  } finally {
    await client.destroy()
  }
}

function refused(router: Router, status: number, text: string): LogweirError {
  if (status === 401) {
    if (router.tokenless !== undefined) return router.tokenless
    return new LogweirError(
      'LW_ADMIN_TOKEN',
      `the router at ${router.shown} does not accept the operator token`,
      'the configuration named here must be the one that the router runs with',
      { exit: 1 },
    )
  }
  const said = refusalOf(text)
  if (said !== undefined)
    return new LogweirError('LW_ADMIN_REFUSED', said.error, said.mend, { exit: status === 400 ? 2 : 1 })
  return new LogweirError(
    'LW_ADMIN_ANSWER',
    `the router at ${router.shown} answered ${status}: ${text.slice(0, 200)}`,
    'its log says more',
    { exit: 1 },
  )
}

/** Something else answers there, whose words would be taken for a bug of ours. */
function stranger(router: Router): LogweirError {
  return new LogweirError(
    'LW_ADMIN_STRANGER',
    `what answers at ${router.shown} is no Logweir router, or one of another version`,
    'name the right one with `--config FILE` or `--admin URL`',
    { exit: 1 },
  )
}

/** What the router said is wrong and what mends it, if that is what it answered. */
function refusalOf(text: string): { readonly error: string; readonly mend: string } | undefined {
  try {
    const { error, mend } = JSON.parse(text) as Readonly<Record<string, unknown>>
    return typeof error === 'string' && typeof mend === 'string' ? { error, mend } : undefined
  } catch {
    return undefined
  }
}

function unreachable(router: Router, error: unknown): LogweirError {
  const code = errorCode(error)
  const why = code === 'ECONNREFUSED' || code === 'ENOENT' ? 'nothing listens there' : errorText(error)
  return new LogweirError(
    'LW_ADMIN_UNREACHABLE',
    `no router answers at ${router.shown}: ${why}`,
    'start it with `logweir run`, or name the right one with `--config FILE` or `--admin URL`',
    { cause: error, exit: 1 },
  )
}
