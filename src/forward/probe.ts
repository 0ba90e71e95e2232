/**
 * `forwarder test`: what happens on the way to a destination, step by step, with the forwarder's own settings from the
 * router's own address. The one event goes out through the destination's own code, so that what works here works there.
 */
import type { Destination } from '../queue/lane.ts'
import { createDestination } from './create.ts'
import { probeWay } from './probe-connect.ts'
import { type ProbeEvent, ProbeLane } from './probe-lane.ts'
import type { ProbeReport, ProbeStep } from './probe-types.ts'
import { sharedResolver } from './resolve.ts'
import { targetText } from './target-text.ts'
import type { ForwardDeps, ForwarderTarget } from './types.ts'

/** An operator waits for it. */
const TOTAL_MAX_MS = 50_000
const LOOK_MS = 20
const UDP_LOOKS = 12
/** For what a destination has to put away. */
const STOP_MS = 1000
const NEVER = { first: 3_600_000, max: 3_600_000 }

/** Tries everything that a delivery needs; takes a minute at most. Never throws. */
export async function probe(
  forwarder: ForwarderTarget,
  event: ProbeEvent,
  deps: ForwardDeps,
): Promise<ProbeReport> {
  const { settings, key } = forwarder
  const steps: ProbeStep[] = []
  const abort = new AbortController()
  const timer = deps.clock.after(TOTAL_MAX_MS, () => abort.abort())
  try {
    const resolver = deps.resolver ?? sharedResolver(deps.clock, forwarder.key)
    const probing = {
      settings,
      deps,
      resolver,
      signal: abort.signal,
      say: (step: ProbeStep) => steps.push(step),
    }
    if (await probeWay(probing)) steps.push(...(await sendProbe(forwarder, event, deps, abort.signal)))
  } finally {
    timer.cancel()
  }
  const probed = steps.find(({ step }) => step === 'probe')
  const { from_address } = settings
  return { forwarder: key, to: targetText(settings.to), from_address, ok: probed?.ok === true, steps }
}

/** The event, and what its fate says about who we are. */
async function sendProbe(
  forwarder: ForwarderTarget,
  event: ProbeEvent,
  deps: ForwardDeps,
  signal: AbortSignal,
): Promise<ProbeStep[]> {
  const started = deps.clock.monotonic()
  const lane = new ProbeLane(forwarder, event)
  let said = ''
  const hear = (_: unknown, message: string): void => {
    said = message
  }
  const { dead_letters: _, ...own } = deps
  // One try: what a second one would meet is not asked.
  const once = { ...forwarder, settings: { ...forwarder.settings, retry: NEVER } }
  const quiet = { ...own, random: () => 1, log: { info: () => undefined, warn: hear, error: hear } }
  const destination = createDestination(once, lane, quiet)
  destination.wake()
  await settledOrFailed(lane, destination, deps, signal)
  // A refusal of a datagram comes behind it, if anything comes.
  const udp = forwarder.settings.to.scheme === 'udp'
  if (udp) for (let n = 0; n < UDP_LOOKS && destination.last_error === null; n++) await look(deps)
  const failure = destination.last_error
  await destination.stop(lane.settled ? STOP_MS : 0)
  const milliseconds = Math.round(deps.clock.monotonic() - started)
  const delivered = lane.settled && lane.dropped === null && !(udp && failure !== null)
  const why = lane.dropped === null ? (failure ?? 'no answer in time') : `refused: ${said}`
  return [
    authentication(forwarder, delivered, why),
    { step: 'probe', ok: delivered, milliseconds, detail: delivered ? taken(forwarder) : why },
  ]
}

/** A retry would tell nothing new: the first failure ends it. */
async function settledOrFailed(
  lane: ProbeLane,
  destination: Destination,
  deps: ForwardDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!lane.settled && destination.last_error === null && !signal.aborted) await look(deps)
}

function look({ clock }: ForwardDeps): Promise<void> {
  return new Promise((resolve) => clock.after(LOOK_MS, resolve))
}

/** What a delivery proves depends on what the destination says. */
function taken({ settings }: ForwarderTarget): string {
  switch (settings.to.scheme) {
    case 'udp':
      return 'one event was sent; UDP has no answer, so look for it there'
    case 'tcp':
    case 'tls':
      return 'one event was written and the connection stayed open; syslog has no answer, so look for it there'
    case 'file':
      return 'one event was appended'
    default:
      return 'one event was taken and acknowledged'
  }
}

/** 401, 403 and 407 are about who we are; anything else says nothing about it. */
function authentication({ settings }: ForwarderTarget, delivered: boolean, why: string): ProbeStep {
  const { http, tls } = settings
  const ours = [
    ...(http.token === null ? [] : ['the token']),
    ...(http.login === null ? [] : ['user name and password']),
    ...((http.cfapi?.agent_secret ?? null) === null ? [] : ['the agent secret']),
    ...(tls.certificate === null ? [] : ['our certificate']),
  ].join(' and ')
  const step = { step: 'authentication', milliseconds: 0 } as const
  if (
    /\b(answered (401|403|407)|other credentials|log ?in|unauthori[sz]ed|bad certificate|certificate required)\b/i.test(
      why,
    ) &&
    !delivered
  )
    return { ...step, ok: false, detail: why }
  if (ours === '') return { ...step, ok: null, detail: 'none is configured' }
  if (!delivered) return { ...step, ok: null, detail: `not known, nothing judged ${ours}` }
  return { ...step, ok: true, detail: `accepted: ${ours}` }
}
