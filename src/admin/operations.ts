/** `/api/v1/forwarders/…` and `/api/v1/drain`: what operators do to the running router. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LogweirError } from '../base/errors.ts'
import type { Drain } from '../control/drain.ts'
import type { Operations } from '../control/operations.ts'

type Check = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

interface ForwarderRoute {
  readonly Params: { readonly tenant: string; readonly forwarder: string }
  readonly Body: { readonly for?: string; readonly reason?: string } | null
}

const PAUSE_BODY = {
  type: ['object', 'null'],
  properties: {
    for: { type: 'string', maxLength: 32 },
    reason: { type: 'string', maxLength: 1000 },
  },
  additionalProperties: false,
} as const

const DRAIN_BODY = {
  type: ['object', 'null'],
  properties: { grace: { type: 'string', maxLength: 32 } },
  additionalProperties: false,
} as const

/** Adds `/api/v1/drain`. `check` lets operators through only. */
export function addDrain(app: FastifyInstance, drain: Drain, check: Check): void {
  app.get('/api/v1/drain', { onRequest: check }, () => drain.status())
  app.post<{ readonly Body: { readonly grace?: string } | null }>(
    '/api/v1/drain',
    { onRequest: check, schema: { body: DRAIN_BODY } },
    ({ body }, reply) => answered(reply, async () => drain.begin(body?.grace)),
  )
  app.post('/api/v1/drain/cancel', { onRequest: check }, (_request, reply) =>
    answered(reply, () => drain.cancel()),
  )
}

/** Adds the routes of forwarders. `check` lets operators through only. */
export function addOperations(app: FastifyInstance, operations: Operations, check: Check): void {
  const path = '/api/v1/forwarders/:tenant/:forwarder'
  app.post<ForwarderRoute>(
    `${path}/pause`,
    { onRequest: check, schema: { body: PAUSE_BODY } },
    ({ params, body }, reply) =>
      answered(reply, () => operations.pause(keyOf(params), body?.for, body?.reason)),
  )
  app.post<ForwarderRoute>(`${path}/resume`, { onRequest: check }, ({ params }, reply) =>
    answered(reply, () => operations.resume(keyOf(params))),
  )
  app.post<ForwarderRoute>(`${path}/test`, { onRequest: check }, ({ params }, reply) =>
    answered(reply, () => operations.test(keyOf(params))),
  )
  app.post<ForwarderRoute>(`${path}/purge`, { onRequest: check }, ({ params }, reply) =>
    answered(reply, () => operations.purge(keyOf(params))),
  )
}

function keyOf({ tenant, forwarder }: ForwarderRoute['Params']): string {
  return `${tenant}/${forwarder}`
}

/** A refusal is an answer too: what is wrong, and what to do. */
async function answered<T>(reply: FastifyReply, act: () => Promise<T>): Promise<T | FastifyReply> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof LogweirError)) throw error
    const status = error.code === 'LW_NO_FORWARDER' ? 404 : error.exit === 2 ? 400 : 503
    return reply.code(status).send({ error: error.message, mend: error.mend })
  }
}
