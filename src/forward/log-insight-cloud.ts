/**
 * Type `log-insight-cloud`: the ingestion stream of Log Insight Cloud / Aria Operations for Logs: a
 * JSON array of flat objects, `structure: default`, a bearer key. A 429 without Retry-After is the quota of
 * the account: it is asked again after a minute at least, growing to ten.
 */
import type { Lane } from '../queue/lane.ts'
import { CloudEncoder } from './encode/cloud.ts'
import { EventReader } from './encode/event-reader.ts'
import { HttpClient } from './http-client.ts'
import { RequestDestination } from './request.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

/** Makes the destination; `url` is the target. */
export function cloudDestination(
  forwarder: ForwarderTarget,
  url: string,
  lane: Lane,
  deps: ForwardDeps,
  resolver: Resolver,
): RequestDestination {
  const profile = {
    headers: { structure: 'default' },
    slow_quota: true,
    wrote: (bytes: number): void => lane.wrote(bytes),
  }
  const client = new HttpClient(forwarder, url, deps, resolver, profile)
  return new RequestDestination(forwarder, lane, deps, {
    encoder: new CloudEncoder(new EventReader(deps.streams)),
    post: (body) => client.post(body),
    close: () => client.close(),
  })
}
