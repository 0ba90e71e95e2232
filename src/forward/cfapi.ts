/**
 * Type `cfapi`: Log Insight's ingestion API, of every generation: anonymous, with a user's session, or with an agent's
 * secret (9.1). A request that is refused for its session is sent once more with a new one.
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ARRAY } from './body.ts'
import { CfapiLogin } from './cfapi-login.ts'
import { CfapiEncoder } from './encode/cfapi.ts'
import { EventReader } from './encode/event-reader.ts'
import { clientOf, type HttpType, isAnswer } from './http-sender.ts'
import { parsed } from './json-answer.ts'
import { type Answer, type Outcome, outcomeOf } from './outcome.ts'
import { Status } from './status.ts'

const BEFORE = Buffer.from('{"events":')
const BEHIND = Buffer.from('}')
const ANSWER_MAX = 16_384

export const cfapiType: HttpType = (making) => {
  const { forwarder, deps, url } = making
  const { http, tags } = forwarder.settings
  const options = http.cfapi
  if (options === null) throw new Error('settings of another type')
  const client = clientOf(making, { basic: false, connections: 1 })
  const login =
    http.login !== null || options.agent_secret !== null
      ? new CfapiLogin(client, forwarder, options, deps)
      : null
  const path = pathOf(url, forwarder.key)
  const status = new Status(forwarder.key, deps.clock, deps.log)
  const once = async (
    sent: Buffer,
    headers: Readonly<Record<string, string>>,
  ): ReturnType<typeof client.post> =>
    client.post({ path, body: sent, events: true, headers, whole_max: ANSWER_MAX })

  return {
    encoder: new CfapiEncoder(new EventReader(deps.streams), tags),
    shape: ARRAY,
    pack: (body) => client.pack(Buffer.concat([BEFORE, body, BEHIND])),
    post: async (sent, events): Promise<Outcome> => {
      for (let attempt = 0; ; attempt += 1) {
        const session = await login?.get()
        if (session !== undefined && 'kind' in session) return session
        const got = await once(sent, session === undefined ? {} : { authorization: session.authorization })
        if (!isAnswer(got)) return got
        if (session !== undefined && (got.status === 401 || got.status === 440) && attempt === 0) {
          login?.forget(session.authorization)
          continue
        }
        const few = missing(got, events)
        if (few > 0) status.lost('partial', `the server took ${events - few} of ${events} events, as it says`)
        return outcomeOf(got, false, deps.clock.wall())
      }
    },
    close: () => client.close(),
  }
}

/** A URL without a path gets the ingestion path; the agent's id in it tells forwarders apart and means nothing else. */
function pathOf(url: URL, key: string): string {
  if (url.pathname !== '/') return url.pathname + url.search
  const hex = createHash('sha256').update(`logweir ${key}`).digest('hex')
  // A UUID of version 8 (RFC 9562): made from the forwarder's name.
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return `/api/v1/events/ingest/${id}${url.search}`
}

/** How many events fewer than sent a 2xx says were taken (`ingested` up to 9.0, `received` from 9.1 on). Pure. */
export function missing(answer: Answer, events: number): number {
  if (answer.status < 200 || answer.status >= 300) return 0
  const said = parsed(answer.text)
  const taken = said?.['ingested'] ?? said?.['received']
  return typeof taken === 'number' && taken >= 0 && taken < events ? events - taken : 0
}
