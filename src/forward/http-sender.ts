/** What destinations over HTTP share: how a type is made, and the plain one that is judged by its status alone. */
import type { Clock } from '../base/clock.ts'
import type { Lane } from '../queue/lane.ts'
import type { BodyShape } from './body.ts'
import { encodedJson } from './encode/encodings.ts'
import type { EventEncoder } from './encode/batch-encoder.ts'
import { HttpClient, type HttpProfile } from './http-client.ts'
import { type Answer, type Outcome, outcomeOf, type Paused, type Retry } from './outcome.ts'
import type { RequestSender } from './request.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

export interface HttpMaking {
  readonly forwarder: ForwarderTarget
  /** The target as configured. */
  readonly url: URL
  readonly lane: Lane
  readonly deps: ForwardDeps
  readonly resolver: Resolver
}

/** A type of destination over HTTP: one file each, entered in `create.ts`. */
export type HttpType = (making: HttpMaking) => RequestSender

export function clientOf(making: HttpMaking, profile: Partial<HttpProfile>): HttpClient {
  const { forwarder, url, deps, resolver, lane } = making
  const whole = { headers: {}, scheme: 'Bearer' as const, basic: true, connections: 0, ...profile }
  return new HttpClient(forwarder, url, deps, resolver, whole, (bytes) => lane.wrote(bytes))
}

/** Whether there was an answer at all. */
export function isAnswer(got: Answer | Retry | Paused): got is Answer {
  return 'status' in got
}

export interface StatusSending {
  readonly profile: Partial<HttpProfile>
  readonly encoder: EventEncoder
  readonly shape: BodyShape
  /** A 429 without Retry-After is a used-up quota. */
  readonly slow_quota: boolean
}

/** One URL, one kind of body, and the status says it all. */
export function statusSender(making: HttpMaking, sending: StatusSending): RequestSender {
  const client = clientOf(making, sending.profile)
  const path = making.url.pathname + making.url.search
  const { clock }: { readonly clock: Clock } = making.deps
  return {
    encoder: sending.encoder,
    shape: sending.shape,
    pack: (body) => client.pack(body),
    post: async (sent): Promise<Outcome> => {
      const got = await client.post({ path, body: sent, events: true, whole_max: 0 })
      return isAnswer(got) ? outcomeOf(got, sending.slow_quota, clock.wall()) : got
    },
    close: () => client.close(),
  }
}

/** The encoder of events as JSON with the names that the settings ask for. */
export function jsonOf({ forwarder, deps }: HttpMaking, stamp: boolean): EventEncoder {
  const { encoding, tags } = forwarder.settings
  return encodedJson(encoding, deps, stamp, tags)
}
