/** The admin interface: health and metrics for everybody who reaches it, the rest for operators. */
import { chmodSync, rmSync } from 'node:fs'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import type { BindAddress, Settings } from '../config/types.ts'
import { Metrics } from '../control/metrics.ts'
import type { Supervisor } from '../control/supervisor.ts'
import { diff } from '../control/diff.ts'
import { why } from '../control/why.ts'
import { readRuleHits } from '../control/rule-hits.ts'
import { describeUnknown } from '../control/unknown-labels.ts'
import { openApi } from './openapi.ts'
import { addDrain, addOperations } from './operations.ts'
import { operatorToken, sameToken } from './token.ts'

const BODY_MAX = 64 * 1024

export interface Admin {
  /** Where it listens, as people type it. */
  readonly url: string
  stop(): Promise<void>
}

/** Opens the admin interface. @throws {LogweirError} when the address cannot be had. */
export async function startAdmin(settings: Settings, supervisor: Supervisor): Promise<Admin> {
  const token = operatorToken(settings.data)
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MAX,
    forceCloseConnections: true,
    requestTimeout: 30_000,
  })
  addOpen(app, supervisor)
  addOperators(app, supervisor, token)
  const { bind } = settings.admin
  try {
    await listen(app, bind)
  } catch (error) {
    await app.close()
    throw refused(bind, error)
  }
  return { url: address(app, bind), stop: () => app.close() }
}

/** What needs no token. */
function addOpen(app: FastifyInstance, supervisor: Supervisor): void {
  const metrics = new Metrics(supervisor)
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) => {
    const { ready, reason } = supervisor.ready()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', reason })
  })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
  app.get('/openapi.json', () => openApi)
}

function addOperators(app: FastifyInstance, supervisor: Supervisor, token: string): void {
  const check = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const [scheme, given] = (request.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() === 'bearer' && sameToken(given ?? '', token)) return
    await reply.code(401).send({
      error: 'this needs the operator token',
      mend: 'send Authorization: Bearer, with data/admin.token',
    })
  }
  app.get('/api/v1/status', { onRequest: check }, async () => {
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
  app.get('/api/v1/diff', { onRequest: check }, () => diff(supervisor))
  app.get<{ Params: { tenant: string } }>(
    '/api/v1/why/:tenant',
    { onRequest: check },
    async ({ params }, reply) => {
      const answer = await why(supervisor, params.tenant)
      if (answer !== undefined) return answer
      const tenants = supervisor.plan.tenants.map(({ name }) => name).slice(0, 1000)
      return reply.code(404).send({ error: 'the rules that run have no such tenant', tenants })
    },
  )
  app.post('/api/v1/reload', { onRequest: check }, () => supervisor.reload('command'))
}

async function listen(app: FastifyInstance, bind: BindAddress): Promise<void> {
  if (bind.kind === 'inet') {
    await app.listen({ host: bind.host, port: bind.port })
    return
  }
  // A socket that a killed router left behind; the lock of the data folder keeps a living one safe.
  rmSync(bind.path, { force: true })
  await app.listen({ path: bind.path })
  chmodSync(bind.path, 0o600)
}

function address(app: FastifyInstance, bind: BindAddress): string {
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
