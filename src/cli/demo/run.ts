/** Carries out `logweir demo`: everything in a folder that is gone afterwards, on ports that were free. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { LogweirError } from '../../base/errors.ts'
import { paint, print, say } from '../output.ts'
import { certificateFile, DemoRules, writeConfiguration } from './layout.ts'
import { fixtures } from './package-files.ts'
import { Receiver } from './receivers.ts'
import { replay, type Replayed } from './replay.ts'
import { DemoRouter, type RouterStatus, until } from './router.ts'
import { cell, table } from '../text-table.ts'
import { foreignLines } from './verdict.ts'

/** Milliseconds until everything sent must have been delivered. */
const SETTLE_MS = 10_000
const EXAMPLE_WIDTH = 96

interface Outcome {
  readonly replayed: readonly Replayed[]
  readonly status: RouterStatus
  readonly receivers: readonly Receiver[]
  /** Sentences about what went wrong; empty when all is well. */
  readonly complaints: readonly string[]
}

export async function runDemo(json: boolean): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'logweir-demo-'))
  const interrupted = Promise.withResolvers<never>()
  interrupted.promise.catch(() => undefined)
  const interrupt = (): void =>
    interrupted.reject(new LogweirError('LW_INTERRUPTED', 'the demo was interrupted', '', { exit: 1 }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  const receivers: Receiver[] = []
  try {
    const outcome = await perform(folder, receivers, interrupted.promise)
    if (json) print(JSON.stringify(asJson(outcome)))
    else for (const line of readable(outcome)) print(line)
    return outcome.complaints.length === 0 ? 0 : 1
  } finally {
    await Promise.all(receivers.map((receiver) => receiver.close()))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function perform(folder: string, receivers: Receiver[], interrupted: Promise<never>): Promise<Outcome> {
  const rules = new DemoRules()
  say('starting receivers for the tenants and the provider, and the router')
  for (const forwarder of rules.forwarders()) receivers.push(await Receiver.open(forwarder))
  const ports = new Map(receivers.map(({ forwarder: { tenant, name }, port }) => [`${tenant}/${name}`, port]))
  rules.write(path.join(folder, 'rules'), ({ tenant, name }) => ports.get(`${tenant}/${name}`) ?? 0)
  const config = writeConfiguration(folder)
  const router = await DemoRouter.start(config)
  try {
    return await Promise.race([work(router, rules, receivers, certificateFile(folder)), interrupted])
  } finally {
    if (!(await router.stop())) say('the router of the demo did not end as it should')
  }
}

async function work(
  router: DemoRouter,
  rules: DemoRules,
  receivers: readonly Receiver[],
  certificate: string,
): Promise<Outcome> {
  const lines = fixtures().flatMap((fixture) => fixture.lines)
  const { listeners } = await router.status()
  say(
    `the router runs with the example rules; sending ${lines.length} fixtures over ${listeners.length} listeners`,
  )
  const replayed = await replay(lines, listeners, certificate)
  const sent = replayed.reduce((sum, { events }) => sum + events, 0)
  let status = await router.status()
  await until(SETTLE_MS, async () => {
    status = await router.status()
    return status.received >= sent && status.forwarders.every(idle) && arrived(status, receivers)
  })
  return { replayed, status, receivers, complaints: judge(sent, status, rules, receivers) }
}

function idle(forwarder: RouterStatus['forwarders'][number]): boolean {
  return forwarder.queued + forwarder.spooled + forwarder.in_flight === 0
}

function arrived(status: RouterStatus, receivers: readonly Receiver[]): boolean {
  return receivers.every((receiver) => receiver.count >= (entryOf(status, receiver)?.enqueued ?? 0))
}

function entryOf(
  status: RouterStatus,
  { forwarder }: Receiver,
): RouterStatus['forwarders'][number] | undefined {
  return status.forwarders.find((one) => one.tenant === forwarder.tenant && one.forwarder === forwarder.name)
}

function judge(
  sent: number,
  status: RouterStatus,
  rules: DemoRules,
  receivers: readonly Receiver[],
): string[] {
  const complaints: string[] = []
  if (status.received !== sent) complaints.push(`${sent} events were sent and ${status.received} received`)
  for (const receiver of receivers) {
    const { tenant, name } = receiver.forwarder
    const delivered = entryOf(status, receiver)?.delivered ?? 0
    if (delivered !== receiver.count) {
      complaints.push(`${tenant}/${name} delivered ${delivered} and its receiver got ${receiver.count}`)
    }
  }
  const received = receivers.map(({ forwarder, lines }) => ({
    tenant: forwarder.tenant,
    forwarder: forwarder.name,
    lines,
  }))
  const tenants = rules.tenants()
  for (const { name } of tenants) {
    if (!received.some(({ tenant, lines }) => tenant === name && lines.length > 0)) {
      complaints.push(`${name} received nothing`)
    }
  }
  for (const { tenant, line } of foreignLines(received, tenants)) {
    complaints.push(`${tenant} received a line that is not its own: ${cell(line, EXAMPLE_WIDTH)}`)
  }
  if (status.imbalance !== 0) complaints.push(`the ledger is off by ${status.imbalance} events`)
  return complaints
}

function readable({ replayed, status, receivers, complaints }: Outcome): string[] {
  const sent = replayed.map(({ over, events }) => [over, String(events)])
  const got = receivers.map(({ forwarder: { tenant, name }, count, lines }) => [
    tenant,
    name,
    String(count),
    exampleOf(lines),
  ])
  const orphans = Object.entries(status.orphaned_reasons).filter(([, events]) => events > 0)
  const why = orphans.map(([reason, events]) => `${reason} ${events}`).join(', ')
  const lines = [
    ...table(['sent over', 'events'], sent),
    '',
    ...table(['tenant', 'forwarder', 'events', 'the first one'], got),
    '',
    `received ${status.received} = owned ${status.owned} + orphaned ${status.orphaned}${why === '' ? '' : ` (${why})`}`,
  ]
  if (complaints.length > 0) return [...lines, ...complaints.map((complaint) => paint('red', complaint))]
  return [...lines, "no tenant received another's events", paint('green', 'ledger balanced')]
}

/** The first line; of JSON the part that is not about how it arrived. */
function exampleOf(lines: readonly string[]): string {
  const [line = ''] = lines
  const at = line.startsWith('{') ? line.indexOf('"stream":') : 0
  return cell(at > 0 ? `{\u2026${line.slice(at)}` : line, EXAMPLE_WIDTH)
}

function asJson({ replayed, status, receivers, complaints }: Outcome): unknown {
  return {
    ok: complaints.length === 0,
    complaints,
    sent: replayed,
    received: receivers.map(({ forwarder: { tenant, name }, count, lines }) => {
      return { tenant, forwarder: name, events: count, first: lines[0] ?? null }
    }),
    ledger: status,
  }
}
