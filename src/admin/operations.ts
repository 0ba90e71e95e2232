/** `/api/v1/forwarders/…` and `/api/v1/drain`: what operators do to the running router. */
import { LogweirError } from '../base/errors.ts'
import type { Drain } from '../control/drain.ts'
import type { Operations } from '../control/operations.ts'
import { type AdminApp, Answer, type Asked, type Check } from './app.ts'

/** Keys that a body may have, all texts, and the most characters of each. */
const PAUSE_BODY = { for: 32, reason: 1000 } as const
const DRAIN_BODY = { grace: 32 } as const

/** Adds `/api/v1/drain`. `check` lets operators through only. */
export function addDrain(app: AdminApp, drain: Drain, check: Check): void {
  app.checked('GET', '/api/v1/drain', check, () => drain.status())
  app.checked('POST', '/api/v1/drain', check, ({ body }) =>
    answered(async () => drain.begin(texts(body, DRAIN_BODY).grace)),
  )
  app.checked('POST', '/api/v1/drain/cancel', check, () => answered(() => drain.cancel()))
}

/** Adds the routes of forwarders. `check` lets operators through only. */
export function addOperations(app: AdminApp, operations: Operations, check: Check): void {
  const path = '/api/v1/forwarders/:tenant/:forwarder'
  app.checked('POST', `${path}/pause`, check, ({ params, body }) =>
    answered(async () => {
      const { for: time, reason } = texts(body, PAUSE_BODY)
      return operations.pause(keyOf(params), time, reason)
    }),
  )
  app.checked('POST', `${path}/resume`, check, ({ params }) =>
    answered(() => operations.resume(keyOf(params))),
  )
  app.checked('POST', `${path}/test`, check, ({ params }) => answered(() => operations.test(keyOf(params))))
  app.checked('POST', `${path}/purge`, check, ({ params }) => answered(() => operations.purge(keyOf(params))))
}

function keyOf({ tenant = '', forwarder = '' }: Asked['params']): string {
  return `${tenant}/${forwarder}`
}

/** The texts of a body. @throws {LogweirError} where it has others. */
function texts<K extends string>(
  body: unknown,
  keys: Readonly<Record<K, number>>,
): Partial<Record<K, string>> {
  const mend = `send an object with ${Object.keys(keys)
    .map((key) => `\`${key}\``)
    .join(' and ')} at most`
  const refuse = (what: string): LogweirError =>
    new LogweirError('LW_BODY', `the body ${what}`, mend, { exit: 2 })
  if (body === null) return {}
  if (typeof body !== 'object' || Array.isArray(body)) throw refuse('is no object')
  for (const [key, value] of Object.entries(body)) {
    const most = Object.hasOwn(keys, key) ? keys[key as K] : undefined
    if (most === undefined) throw refuse(`has an unknown key ${JSON.stringify(key.slice(0, 64))}`)
    if (typeof value !== 'string') throw refuse(`has no text for \`${key}\``)
    if (value.length > most) throw refuse(`has more than ${most} characters for \`${key}\``)
  }
  return body
}

/** A refusal is an answer too: what is wrong, and what to do. */
async function answered(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof LogweirError)) throw error
    const status = error.code === 'LW_NO_FORWARDER' ? 404 : error.exit === 2 ? 400 : 503
    return new Answer(status, { error: error.message, mend: error.mend })
  }
}
