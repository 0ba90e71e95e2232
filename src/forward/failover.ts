/**
 * Several URLs of one HTTP destination: requests go to the first that takes them. A failure that is not the events' own
 * goes on to the next at once; only when none takes them is the destination held. On another than the first nobody stays
 * for ever.
 */
import type { Clock } from '../base/clock.ts'
import type { Outcome } from './outcome.ts'
import type { RequestSender } from './request.ts'
import { RETURN_MS } from './targets.ts'

/** The sender itself when there is but one. `moved` is told when requests go elsewhere, and why. */
export function failoverSender(
  senders: readonly [RequestSender, ...RequestSender[]],
  clock: Clock,
  moved: (to: number, why: string) => void,
): RequestSender {
  const [first] = senders
  if (senders.length === 1) return first
  let current = 0
  let since = clock.monotonic()
  const post = async (sent: Parameters<RequestSender['post']>[0], events: number): Promise<Outcome> => {
    if (current !== 0 && clock.monotonic() - since >= RETURN_MS) current = 0
    let failure: Outcome | undefined
    const begin = current
    for (let n = 0; n < senders.length; n++) {
      const at = (begin + n) % senders.length
      const outcome = await (senders[at] as RequestSender).post(sent, events)
      if (outcome.kind !== 'retry' && outcome.kind !== 'paused') {
        if (at !== begin) moved(at, failure !== undefined && 'why' in failure ? failure.why : '')
        if (at !== current) {
          current = at
          since = clock.monotonic()
        }
        return outcome
      }
      failure ??= outcome
    }
    return failure as Outcome
  }
  return {
    encoder: first.encoder,
    shape: first.shape,
    pack: (body) => first.pack(body),
    post,
    close: async () => {
      await Promise.all(senders.map((sender) => sender.close()))
    },
  }
}
