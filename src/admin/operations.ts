/** `/api/v1/forwarders/…`: what operators do to forwarders of the running router. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LogweirError } from '../base/errors.ts'
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

/** Adds the routes. `check` lets operators through only. */
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
