/** The admin interface: health and metrics for everybody who reaches it, the rest for operators. */
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import type { BindAddress, Settings } from '../config/types.ts'
import type { Log } from '../control/log.ts'
import type { Metrics } from '../control/metrics.ts'
import type { Supervisor } from '../control/supervisor.ts'
import { readRuleHits } from '../control/rule-hits.ts'
import { describeUnknown } from '../control/unknown-labels.ts'
import { AdminApp, Answer, type Check } from './app.ts'
import { openApi } from './openapi.ts'
import { addDrain, addOperations } from './operations.ts'
import { operatorToken, sameToken } from './token.ts'

export interface Admin {
  /** Where it listens, as people type it. */
  readonly url: string
  stop(): Promise<void>
}

/** Opens the admin interface. @throws {LogweirError} when the address cannot be had. */
export async function startAdmin(settings: Settings, supervisor: Supervisor, log: Log): Promise<Admin> {
  const token = operatorToken(settings.data)
  const { connections_max } = settings.admin
  const app = new AdminApp(connections_max, () =>
    log('warn', 'the admin interface has all the connections that it may have: one was closed', {
      connections_max,
      mend: 'find out who opens them; `admin.connections_max` bounds them',
    }),
  )
  addOpen(app, supervisor)
  addOperators(app, supervisor, token)
  const { bind } = settings.admin
  try {
    await listen(app, bind)
  } catch (error) {
    await app.close()
    throw refused(bind, error)
  }
  app.server.on('error', (error) => log('error', 'the admin interface failed', { error: errorText(error) }))
  return { url: address(app, bind), stop: () => app.close() }
}

/** What needs no token. */
function addOpen(app: AdminApp, supervisor: Supervisor): void {
  let made: Promise<Metrics> | undefined
  /** Loaded with the first scrape: it is a tenth of the modules of a router that nobody scrapes. */
  const metrics = (): Promise<Metrics> =>
    (made ??= import('../control/metrics.ts').then((module) => new module.Metrics(supervisor)))
  let last: Promise<unknown> = Promise.resolve()
  let next: Promise<Answer> | undefined
  /** Whoever asks while one is made gets the one after it, all the same: it holds what was so when they asked. */
  const scrape = (): Promise<Answer> => {
    next ??= last.then(async () => {
      next = undefined
      const scraped = await metrics()
      return new Answer(200, await scraped.text(), scraped.contentType)
    })
    last = next.catch(() => undefined)
    return next
  }
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', () => {
    const { ready, reason } = supervisor.ready()
    return new Answer(ready ? 200 : 503, { status: ready ? 'ready' : 'not ready', reason })
  })
  app.get('/metrics', scrape)
  app.get('/openapi.json', () => openApi)
}

function addOperators(app: AdminApp, supervisor: Supervisor, token: string): void {
  const check: Check = ({ authorization = '' }) => {
    const [scheme, given] = authorization.split(' ')
    if (scheme?.toLowerCase() === 'bearer' && sameToken(given ?? '', token)) return undefined
    return new Answer(401, {
      error: 'this needs the operator token',
      mend: 'send Authorization: Bearer, with data/admin.token',
    })
  }
  app.checked('GET', '/api/v1/status', check, async () => {
    const { ledger, unknown_labels, unknown_requests, sources } = await supervisor.measure()
    const { listening, plan, alarm, reloads } = supervisor
    return {
      ...ledger,
      generation: plan.generation,
      listeners: listening,
      sources,
      unknown_labels: describeUnknown(plan, unknown_labels),
      unknown_requests,
      rules: readRuleHits(supervisor.counters, plan, ledger),
      alarm,
      reload: reloads.last,
      drain: supervisor.drain.brief(ledger),
    }
  })
  addOperations(app, supervisor.operations, check)
  addDrain(app, supervisor.drain, check)
  app.checked('GET', '/api/v1/diff', check, async () => {
    const { diff } = await import('../control/diff.ts')
    return diff(supervisor)
  })
  app.checked('GET', '/api/v1/why/:tenant', check, async ({ params }) => {
    const { why } = await import('../control/why.ts')
    const answer = await why(supervisor, params['tenant'] ?? '')
    if (answer !== undefined) return answer
    const tenants = supervisor.plan.tenants.map(({ name }) => name).slice(0, 1000)
    return new Answer(404, { error: 'the rules that run have no such tenant', tenants })
  })
  app.checked('POST', '/api/v1/reload', check, () => supervisor.reload('command'))
}

async function listen({ server }: AdminApp, bind: BindAddress): Promise<void> {
  // A socket that a killed router left behind; the lock of the data folder keeps a living one safe.
  if (bind.kind === 'unix') rmSync(bind.path, { force: true })
  server.listen(bind.kind === 'unix' ? { path: bind.path } : { host: bind.host, port: bind.port })
  await once(server, 'listening')
  if (bind.kind === 'unix') chmodSync(bind.path, 0o600)
}

function address(app: AdminApp, bind: BindAddress): string {
  if (bind.kind === 'unix') return `unix:${bind.path}`
  const bound = app.server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : bind.port
  const host = bind.host.includes(':') ? `[${bind.host}]` : bind.host
  return `http://${host}:${port}`
}

function refused(bind: BindAddress, error: unknown): LogweirError {
  const where = bind.kind === 'unix' ? bind.path : `${bind.host}:${bind.port}`
  const taken = errorCode(error) === 'EADDRINUSE'
  const why = taken ? 'another program listens there' : errorText(error)
  return new LogweirError(
    'LW_ADMIN_BIND',
    `admin cannot listen on ${where}: ${why}`,
    'change `admin.bind`, or end what uses the address',
  )
}
