/**
 * Can a tenant's forwarder of every type be added to a running router, tested, broken, watched and mended? Each is written as
 * docs/destinations.md has it, breaks in a way that operators meet, and must say what is wrong in words that help.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { TestAnswer } from '../../src/control/operations.ts'
import { reportLines } from '../../src/cli/forwarder.ts'
import { everyDestination, makePlace } from '../support/every-destination.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { logweir } from './cli/support.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const EVENTS = 200

test('a forwarder of every type: added by a reload, tested, broken, watched, mended; everything arrives', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logweir-every-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const all = await everyDestination(await makePlace(folder))
  for (const one of all) ends.push(one.close)
  const settings = {
    listeners: [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }],
    limits: { forwarders_per_tenant: 20 },
    queue: { spill_after: '200ms' },
    workers: 2,
  }
  const router = new Router(settings, { tenants: [tenantRules(0, [])] })
  ends.push(() => router.clean())
  await router.start()
  const cli = ['--config', router.config, '--admin', router.admin]
  const forwarderTest = async (name: string): Promise<{ ok: boolean; text: string }> => {
    const answer = (await router.ask(`/api/v1/forwarders/tenant-0/${name}/test`, 'POST')) as TestAnswer
    return { ok: answer.ok, text: reportLines(answer).join('\n') }
  }
  let sent = 0
  const send = async (): Promise<void> => {
    const lines = Array.from({ length: EVENTS }, (_, n) => dfwLine(0, sent + n))
    await sendLines(router.port('tcp'), lines)
    sent += EVENTS
  }

  // Added.
  router.writeRules({
    tenants: [
      tenantRules(
        0,
        all.map(({ forwarder }) => forwarder),
      ),
    ],
  })
  const reloaded = await logweir(['reload', ...cli])
  expect([reloaded.code, reloaded.stderr]).toEqual([0, ''])

  // Tested.
  for (const { name } of all) {
    const { ok, text } = await forwarderTest(name)
    if (process.env['SHOW']) console.log(text)
    expect(text).toMatch(new RegExp(`^tenant-0/${name} to .*: works\n`))
    expect(ok).toBe(true)
  }
  await send()
  for (const { name, seen } of all)
    await expect.poll(() => seen().size, { timeout: 20_000, message: name }).toBe(EVENTS)
  const well = await router.until((ledger) =>
    ledger.forwarders.every(({ delivered }) => delivered === EVENTS),
  )
  for (const { name } of all)
    expect(forwarderOf(well, 'tenant-0', name)).toMatchObject({ state: 'active', last_error: null })

  // Broken, and watched.
  for (const { broken } of all) await broken.act()
  await send()
  const bad = await router.until((ledger) =>
    all.every(({ name, broken }) => broken.why.test(forwarderOf(ledger, 'tenant-0', name).last_error ?? '')),
  )
  if (process.env['SHOW']) console.log((await logweir(['status', ...cli])).stdout)
  for (const { name, broken } of all) {
    expect([name, forwarderOf(bad, 'tenant-0', name).state]).toEqual([name, broken.state])
    const { ok, text } = await forwarderTest(name)
    if (process.env['SHOW']) console.log(text)
    expect([name, ok]).toEqual([name, false])
    expect(text.replaceAll('\n', ' '), name).toMatch(broken.test)
  }
  expectBalanced(bad)

  // Mended: a test that goes well ends the wait of whoever waits for minutes.
  for (const { broken } of all) await broken.mend()
  for (const { name } of all) {
    const { ok, text } = await forwarderTest(name)
    if (process.env['SHOW']) console.log(text)
    expect([name, ok], text).toEqual([name, true])
  }
  await send()
  for (const { name, seen, broken } of all) {
    const least = broken.loses === true ? 2 * EVENTS : sent
    await expect.poll(() => seen().size, { timeout: 20_000, message: name }).toBeGreaterThanOrEqual(least)
  }
  const mended = await router.until((ledger) =>
    all.every(({ name }) => {
      const { enqueued, delivered, dropped } = forwarderOf(ledger, 'tenant-0', name)
      return enqueued === sent && delivered + (dropped['send_error'] ?? 0) === sent
    }),
  )
  for (const { name, broken } of all) {
    const { state, last_error, dropped } = forwarderOf(mended, 'tenant-0', name)
    expect([name, state, last_error]).toEqual([name, 'active', null])
    if (broken.loses !== true) expect([name, dropped]).toEqual([name, {}])
  }
  expectBalanced(mended)
  expect(await router.stop()).toBe(0)
})
