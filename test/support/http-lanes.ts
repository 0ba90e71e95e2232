/** A destination over HTTP of each type, on a lane, before a receiver that is as strict as the real one. */
import { expect } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwardDeps } from '../../src/forward/types.ts'
import type { Destination } from '../../src/queue/lane.ts'
import type { ForwarderSettings, HttpOptions } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, TestLog, testDeps, testSettings } from './lanes.ts'
import {
  BulkReceiver,
  CfapiReceiver,
  CloudReceiver,
  HecReceiver,
  type Limits,
  PlainReceiver,
} from './products.ts'
import type { Product, StrictServer } from './strict-http.ts'

export const TOKEN = 'planted-key-1'

export interface Kind {
  readonly settings: Partial<ForwarderSettings>
  readonly http: Partial<HttpOptions>
  readonly path: string
  readonly product: (limits?: Limits) => Product
  /** What is sent twice is stored once. */
  readonly once: boolean
}

const HEC = {
  index: 'main',
  source: 'logweir',
  sourcetype: 'vmware:{stream}',
  acknowledge: false,
  ack_timeout: 2000,
} as const
const ELASTIC = { index: 'logs-vcd-{tenant}', op: 'create', pipeline: null } as const

/** Every type over HTTP, and each way in which it works differently. */
export const KINDS: Readonly<Record<string, Kind>> = {
  'http, array': {
    settings: { type: 'http', format: 'json' },
    http: { gzip: false },
    path: '/in',
    product: (limits) => new PlainReceiver({ form: 'array', field: 'message', ...limits }),
    once: false,
  },
  'http, ndjson': {
    settings: { type: 'http', format: 'json', encoding: 'ecs' },
    http: { body: 'ndjson' },
    path: '/in',
    product: (limits) => new PlainReceiver({ form: 'ndjson', field: 'message', ...limits }),
    once: false,
  },
  'log-insight-cloud': {
    settings: { type: 'log-insight-cloud', format: 'json' },
    http: {},
    path: '/',
    product: (limits) => new CloudReceiver(limits),
    once: false,
  },
  cfapi: {
    settings: { type: 'cfapi', format: 'json' },
    http: { cfapi: { provider: 'Local', agent_secret: null } },
    path: '/',
    product: (limits) => new CfapiReceiver(limits),
    once: false,
  },
  'splunk-hec': {
    settings: { type: 'splunk-hec' },
    http: { hec: HEC },
    path: '/',
    product: (limits) => new HecReceiver(limits),
    once: false,
  },
  'splunk-hec, acknowledged': {
    settings: { type: 'splunk-hec', format: 'json', encoding: 'otel' },
    http: { hec: { ...HEC, acknowledge: true } },
    path: '/services/collector/event',
    product: (limits) => new HecReceiver({ acknowledge: true, ...limits }),
    once: false,
  },
  elasticsearch: {
    settings: { type: 'elasticsearch', format: 'json', encoding: 'ecs' },
    http: { elasticsearch: ELASTIC },
    path: '/',
    product: (limits) => new BulkReceiver(limits),
    once: true,
  },
}

export interface Running {
  readonly lane: FakeLane
  readonly destination: Destination
  readonly log: TestLog
  readonly settings: ForwarderSettings
  /** Ends it and checks the books. */
  readonly stop: (grace?: number) => Promise<void>
}

export interface Over {
  readonly settings?: Partial<ForwarderSettings>
  readonly http?: Partial<HttpOptions>
  readonly deps?: Partial<ForwardDeps>
  readonly scheme?: 'http' | 'https'
  readonly host?: string
}

export function run(kind: Kind, port: number, over: Over = {}): Running {
  const { scheme = 'http', host = '127.0.0.1' } = over
  const base = testSettings({
    timeout: { connect: 1000, request: 300 },
    to: { scheme, url: `${scheme}://${host}:${port}${kind.path}` },
    ...kind.settings,
    ...over.settings,
  })
  const settings = {
    ...base,
    http: { ...base.http, token: TOKEN, batch_events: 500, ...kind.http, ...over.http },
  }
  const log = new TestLog()
  const lane = new FakeLane(payloadForm(settings))
  const deps = testDeps({ log, clock: hasty(), ...over.deps })
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, deps))
  const stop = async (grace = 0): Promise<void> => {
    await destination.stop(grace)
    lane.check()
    expect(lane.held).toBe(0)
    expect(lane.in_flight).toBe(0)
  }
  return { lane, destination, log, settings, stop }
}

/** An event with its number, by which the receiver counts. */
export const event = (n: number): string =>
  `<14>1 2026-05-15T19:41:25.${String(n % 1000).padStart(3, '0')}Z esx01.example.net app 1 - - seq=${n} "quoted" \\ end`

/** `count` events in batches of `size`, numbered from `first`. */
export function addEvents(lane: FakeLane, count: number, size = 100, first = 0): number {
  let batches = 0
  for (let n = 0; n < count; n += size) {
    lane.add(...Array.from({ length: Math.min(size, count - n) }, (_, i) => event(first + n + i)))
    batches += 1
  }
  return batches
}

/** Waits of more than a few seconds pass at once; what they were is noted. */
export function hasty(waits: number[] = []): Clock {
  return {
    ...systemClock,
    after: (ms, act) => {
      if (ms < 4000) return systemClock.after(ms, act)
      waits.push(ms)
      return systemClock.after(5, act)
    },
  }
}

/** The ledger of the lane against what the receiver stored: nothing is missing but what was dropped. */
export function expectAll(
  running: Running,
  server: StrictServer,
  count: number,
  dropped: readonly number[] = [],
): void {
  const { lane } = running
  lane.check()
  expect(lane.waiting + lane.in_flight).toBe(0)
  expect(server.missing(count)).toEqual(dropped)
  const lost = Object.values(lane.dropped).reduce((sum, events) => sum + events, 0)
  expect(lost).toBe(dropped.length)
  const settled = lane.settled.reduce((sum, batch) => sum + batch.events, 0)
  expect(settled).toBe(count)
}
