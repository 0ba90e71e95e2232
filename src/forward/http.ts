/** Type `http`: POST of a JSON array of event JSON (`logweir.event/1`). */
import type { Lane } from '../queue/lane.ts'
import type { EventEncoder } from './encode/batch-encoder.ts'
import { HttpClient } from './http-client.ts'
import { RequestDestination } from './request.ts'
import type { ForwardDeps, ForwarderTarget, Resolver } from './types.ts'

/** Makes the destination; `url` is the target. */
export function httpDestination(
  forwarder: ForwarderTarget,
  url: string,
  lane: Lane,
  deps: ForwardDeps,
  shared: { readonly encoder: EventEncoder; readonly resolver: Resolver },
): RequestDestination {
  const client = new HttpClient(forwarder, url, deps, shared.resolver, {
    headers: {},
    slow_quota: false,
    wrote: (bytes) => lane.wrote(bytes),
  })
  return new RequestDestination(forwarder, lane, deps, {
    encoder: shared.encoder,
    post: (body) => client.post(body),
    close: () => client.close(),
  })
}
