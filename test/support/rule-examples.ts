/**
 * Runs the examples of the guide: rules as a reader would copy them, and tests in the form of `*.test.yaml`, through the
 * real reader, compiler, classifier, router and encoders.
 */
import { Buffer } from 'node:buffer'
import { parse } from 'yaml'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import { encodedJson } from '../../src/forward/encode/encodings.ts'
import { EventReader } from '../../src/forward/encode/event-reader.ts'
import { Rfc3164Encoder } from '../../src/forward/encode/rfc3164.ts'
import { Rfc5424Encoder } from '../../src/forward/encode/rfc5424.ts'
import { PayloadForm } from '../../src/queue/batch-format.ts'
import { compileRules } from '../../src/rules/compile.ts'
import { orphanReason } from '../../src/rules/ownership.ts'
import type { RulesPlan } from '../../src/rules/plan.ts'
import { PlanNames } from '../../src/worker/names.ts'
import { makeBatch } from './batches.ts'
import { CaptureRouter, type Captured } from './capture.ts'
import { rulesOf } from './findings.ts'
import { RECEIVED_AT } from './rule-set.ts'

interface Sent {
  readonly contains?: string | readonly string[]
  readonly lacks?: string | readonly string[]
  readonly json?: Readonly<Record<string, unknown>>
}

interface RuleTest {
  readonly name: string
  readonly event: string
  readonly peer?: string
  readonly expect: {
    readonly stream?: string
    readonly tenant?: string | null
    readonly reason?: string
    readonly forwarders?: readonly string[]
    readonly sends?: Readonly<Record<string, string | Sent>>
  }
}

/** What is not as the tests say; empty when all of it is. Secrets that examples name have values. */
export function exampleProblems(rules: readonly string[], tests: string): string[] {
  const files = Object.fromEntries(rules.map((text, n) => [`${n}.yaml`, withVersion(text)]))
  const env = new Proxy({}, { get: (_, name) => `value-of-${String(name)}`, has: () => true })
  const { read, lines } = rulesOf(files, env)
  const wrong = lines.filter((line) => line.includes(' error: '))
  if (read.model === undefined) return wrong
  const { plan, findings } = compileRules(read.model, 1, { forwarders_per_tenant: 10 })
  if (plan === undefined) return findings.map(({ message }) => message)
  const classifier = new Classifier(plan.streams)
  const router = new CaptureRouter(plan, {
    sources: [],
    env: { listeners: ['tcp'], sources: [] },
    classifier,
  })
  const { tests: list = [] } = (parse(tests) ?? {}) as { readonly tests?: readonly RuleTest[] }
  return [...wrong, ...list.flatMap((test) => problemsOf(test, plan, classifier, router))]
}

/** Examples leave out what every file begins with. */
function withVersion(text: string): string {
  return /^version:/m.test(text) ? text : `version: 1\n${text}`
}

function problemsOf(
  test: RuleTest,
  plan: RulesPlan,
  classifier: Classifier,
  router: CaptureRouter,
): string[] {
  const view = new EventView()
  view.buf = Buffer.from(test.event)
  view.end = view.buf.length
  view.received_at = RECEIVED_AT
  view.peer = test.peer ?? '10.20.0.7'
  classifier.classify(view)
  const owner = router.route(view)
  const { expect } = test
  const problems: string[] = []
  const compare = (what: string, found: unknown, wanted: unknown): void => {
    if (wanted !== undefined && JSON.stringify(found) !== JSON.stringify(wanted))
      problems.push(`${test.name}: ${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`)
  }
  compare('stream', plan.streams[view.stream]?.name, expect.stream)
  const found = owner > 0 ? plan.owners[owner] : undefined
  compare('tenant', found === undefined ? null : plan.tenants[found.tenant]?.name, expect.tenant)
  compare('reason', found?.reason ?? orphanReason(owner), expect.reason)
  compare('forwarders', router.taken.map(({ key }) => key).toSorted(), expect.forwarders?.toSorted())
  for (const [key, wanted] of Object.entries(expect.sends ?? {})) {
    const taken = router.taken.find((one) => one.key === key)
    if (taken === undefined) problems.push(`${test.name}: ${key} gets nothing`)
    else
      problems.push(
        ...sentProblems(sentText(taken, plan), wanted).map((text) => `${test.name}: ${key} ${text}`),
      )
  }
  return problems
}

function sentProblems(text: string, wanted: string | Sent): string[] {
  if (typeof wanted === 'string') return text === wanted ? [] : [`sends ${text}`]
  const all = (value: string | readonly string[] = []): readonly string[] =>
    typeof value === 'string' ? [value] : value
  const problems = [
    ...all(wanted.contains).flatMap((part) => (text.includes(part) ? [] : [`lacks ${part}: ${text}`])),
    ...all(wanted.lacks).flatMap((part) => (text.includes(part) ? [`shows ${part}: ${text}`] : [])),
  ]
  if (wanted.json === undefined) return problems
  const object = JSON.parse(text) as Record<string, unknown>
  return [...problems, ...missing(object, wanted.json, '')]
}

function missing(found: unknown, wanted: unknown, path: string): string[] {
  if (typeof wanted !== 'object' || wanted === null)
    return found === wanted ? [] : [`has ${JSON.stringify(found)} at ${path}`]
  return Object.entries(wanted).flatMap(([key, value]) =>
    missing((found as Record<string, unknown> | null)?.[key], value, `${path}.${key}`),
  )
}

/** What a forwarder writes of an event, without framing. */
function sentText({ key, owner, bytes, stream, peer, received_at }: Captured, plan: RulesPlan): string {
  const settings = plan.forwarders.find((one) => one.key === key)?.settings
  if (settings === undefined || settings.format === 'original') return bytes.toString()
  const names = new PlanNames(plan, { listeners: [{ name: 'tcp' }], sources: [] } as never)
  const events = [{ text: bytes, owner, stream, peer, received_at }]
  const batch = makeBatch({ events, escape: false, form: PayloadForm.bare, names, forwarder: key })
  const reader = new EventReader(() => plan.streams)
  const encoder = {
    rfc5424: () => new Rfc5424Encoder(reader, settings.tags),
    rfc3164: () => new Rfc3164Encoder(reader),
    json: () => encodedJson(settings.encoding, { streams: () => plan.streams }, false, settings.tags),
  }[settings.format]()
  const out = new JsonBuffer()
  encoder.encode(out, batch, 0)
  return out.copyOut().toString()
}
