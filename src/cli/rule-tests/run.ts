/** Runs rule tests: every event of every test through the classifier, the rules and the encoders that routers use. */
import { isIP } from 'node:net'
import { EventFlag, EventView } from '../../classify/view.ts'
import type { Finding } from '../../config/findings.ts'
import { meant } from '../../config/nearest.ts'
import { quoted } from '../../config/quantities.ts'
import { plainAddress } from '../../listen/prefixes.ts'
import { type RuleTest, readTests } from '../../rules/read-tests.ts'
import type { Trace } from '../trace/tracer.ts'
import { type Difference, differences } from './compare.ts'
import { EventFiles, type TestEvent } from './events.ts'
import { arrivalOf, type RuleSet, RuleSets } from './rule-sets.ts'

/** When events come that do not say: the same always, so that a test means the same always. */
const RECEIVED = Date.UTC(2026, 0, 1)
/** Events of one test whose differences are kept. */
const FAILED_MAX = 5

export interface FailedEvent {
  readonly event: TestEvent
  readonly differences: readonly Difference[]
  readonly trace: Trace
  readonly refused: boolean
}

export interface TestResult {
  readonly test: RuleTest
  readonly events: number
  /** How many of them did not become what was expected; the first few are in `shown`. */
  readonly failed: number
  readonly shown: readonly FailedEvent[]
}

export interface TestRun {
  readonly results: readonly TestResult[]
  /** What is wrong with the tests themselves. */
  readonly findings: readonly Finding[]
  readonly sets: readonly RuleSet[]
}

/** Runs the tests of these files. @throws {LogweirError} when rules that they are about have errors. */
export function runTests(files: readonly string[], config: string | undefined): TestRun {
  const findings: Finding[] = []
  const sets = new RuleSets(config)
  const events = new EventFiles()
  const results: TestResult[] = []
  for (const file of files) {
    const tests = readTests(file, findings)
    if (tests === undefined) continue
    const set = sets.of(tests)
    for (const test of tests.tests) {
      const before = findings.length
      checkNames(test, set, findings)
      const found = events.of(test, file, findings)
      if (found !== undefined && findings.length === before) results.push(runTest(test, found, set))
    }
  }
  return { results, findings, sets: sets.all }
}

function runTest(test: RuleTest, events: readonly TestEvent[], set: RuleSet): TestResult {
  const arrival = arrivalOf(set, test)
  const view = new EventView()
  view.listener = -1
  view.peer = arrival.peer
  view.source = arrival.source
  view.received_at = test.received === undefined ? RECEIVED : Date.parse(test.received)
  const options = { others: true, ...(arrival.trusted ? { trusted: true } : {}) }
  const shown: FailedEvent[] = []
  let failed = 0
  for (const event of events) {
    view.buf = event.bytes
    view.start = 0
    view.end = event.bytes.length
    view.flags = /[\0\n\r]/.test(event.bytes.toString('latin1')) ? EventFlag.control : 0
    set.classifier.classify(view)
    const trace = set.tracer.trace(view, options)
    if (!arrival.refused) set.coverage.add(trace)
    const wrong = differences(test.expect, trace, arrival.refused)
    if (wrong.length === 0) continue
    failed += 1
    if (shown.length < FAILED_MAX) shown.push({ event, differences: wrong, trace, refused: arrival.refused })
  }
  return { test, events: events.length, failed, shown }
}

/** Names of nothing would make a test that can never hold, or never fail. */
function checkNames({ expect, source, peer, at }: RuleTest, set: RuleSet, findings: Finding[]): void {
  const known = (
    what: string,
    name: string,
    names: readonly string[],
    path: readonly (string | number)[],
  ): void => {
    if (names.includes(name)) return
    const hint = meant(name, names)
    findings.push({ level: 'error', ...at(path), message: `there is no ${what} ${quoted(name)}`, hint })
  }
  const { plan } = set
  const streams = plan.streams.map(({ name }) => name)
  const forwarders = plan.forwarders.map(({ key }) => key)
  if (expect.stream !== undefined) known('stream', expect.stream, streams, ['expect', 'stream'])
  if (typeof expect.tenant === 'string')
    known(
      'tenant',
      expect.tenant,
      plan.tenants.map(({ name }) => name),
      ['expect', 'tenant'],
    )
  for (const [n, key] of (expect.forwarders ?? []).entries())
    known('forwarder', key, forwarders, ['expect', 'forwarders', n])
  for (const key of Object.keys(expect.sends ?? {}))
    known('forwarder', key, forwarders, ['expect', 'sends', key])
  if (source !== undefined)
    known(
      'source',
      source,
      set.sources.map(({ name }) => name),
      ['source'],
    )
  if (peer !== undefined && (isIP(peer) === 0 || plainAddress(peer) === ''))
    findings.push({ level: 'error', ...at(['peer']), message: `${quoted(peer)} is not an address`, hint: '' })
}
