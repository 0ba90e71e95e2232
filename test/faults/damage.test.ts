/**
 * Spool files of a running router are truncated, flipped, deleted and replaced by a later version's while events flow. It
 * lives, delivers what is whole, and what is lost is counted: the destination's numbers and the books agree.
 */
import {
  closeSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { NumberSink } from '../support/numbers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

const COUNT = 40_000
/** Twenty thousand of another tenant's, whose files nobody touches. */
const OTHER = COUNT / 2
const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
const retry = { first: '10ms', max: '100ms' }
const queue = { memory_max: '4MiB', disk_max: '16MiB' }

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function sink(): Promise<NumberSink> {
  const made = await new NumberSink(COUNT * 2).open()
  ends.push(() => made.close())
  return made
}

function chain({ folder }: Router): string {
  return join(folder, 'var', 'spool', '0', 'tenant-0%2fsiem')
}

function files(router: Router): string[] {
  const names = readdirSync(chain(router)).filter((name) => name.endsWith('.db'))
  return names.toSorted().map((name) => join(chain(router), name))
}

/** In place, as a disk does it: the file stays the one that is open. */
function patch(path: string, at: number, change: (byte: number) => number): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  byte[0] = change(byte[0] as number)
  writeSync(file, byte, 0, 1, at)
  closeSync(file)
}

const HARM: Readonly<Record<string, (path: string) => void>> = {
  truncated: (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
  'truncated to nothing': (path) => truncateSync(path, 0),
  'bit-flipped': (path) => {
    for (let part = 1; part < 8; part++)
      patch(path, Math.floor((statSync(path).size * part) / 8), (byte) => byte ^ 4)
  },
  deleted: (path) => unlinkSync(path),
  // `user_version` of an SQLite file, big-endian.
  'of a later version': (path) => patch(path, 63, () => 99),
}

function* events(from: number, to: number): Generator<string> {
  for (let n = from; n < to; n++) {
    yield dfwLine(0, n)
    if (n % 2 === 0) yield dfwLine(1, n / 2)
  }
}

interface Damaged {
  readonly router: Router
  readonly ill: NumberSink
  readonly well: NumberSink
}

async function started(): Promise<Damaged> {
  const [ill, well] = [await sink(), await sink()]
  await ill.close()
  await well.close()
  const siem = { name: 'siem', spool: 'always', retry, queue }
  const rules = {
    tenants: [tenantRules(0, [{ ...siem, to: ill.url }]), tenantRules(1, [{ ...siem, to: well.url }])],
  }
  const router = new Router({ listeners, spool: { compression: 'off' } }, rules)
  ends.push(() => router.clean())
  await router.start()
  return { router, ill, well }
}

test.each(Object.keys(HARM))(
  'a sealed file and the one being written are %s while events flow: it lives, counts the loss, others lose nothing',
  async (kind) => {
    const { router, ill, well } = await started()
    await sendLines(router.port('tcp'), events(0, COUNT / 2))
    await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').spooled >= COUNT / 4)
    const sending = sendLines(router.port('tcp'), events(COUNT / 2, COUNT), 20_000)
    const there = files(router)
    expect(there.length).toBeGreaterThan(1)
    for (const path of [there[0], there.at(-1)]) HARM[kind]?.(path as string)
    await ill.open()
    await well.open()
    await sending
    const end = await router.until((ledger) =>
      ledger.forwarders.every(({ queued, spooled, in_flight }) => queued + spooled + in_flight === 0),
    )
    expectBalanced(end)
    await well.until(() => well.missing(OTHER) === 0)
    expect(forwarderOf(end, 'tenant-1', 'siem').dropped).toEqual({})
    const { enqueued, delivered, dropped } = forwarderOf(end, 'tenant-0', 'siem')
    const counted = Object.values(dropped).reduce((sum, events) => sum + events, 0)
    expect(enqueued).toBe(COUNT)
    await ill.until(() => ill.distinct >= delivered)
    const lost = ill.missing(COUNT)
    say(`${kind}: ${lost} of ${COUNT} lost, counted ${JSON.stringify(dropped)}`)
    // Never lost without being counted; and files that nobody touched are whole.
    expect(lost).toBe(counted)
    expect(lost).toBeLessThan(COUNT * 0.75)
    expect(await router.stop()).toBe(0)
  },
)
