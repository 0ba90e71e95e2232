/**
 * `kill -9` in every state of the router: idle, spooling, draining, reloading, while files are unlinked, while it stops
 * and while it starts. With `spool: always` nothing that a sender was told is safe may be lost; with `overflow` at most
 * what only memory had. The destination's own count of numbers decides, over all restarts.
 */
import { existsSync, watch } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { runSeed, seeded } from '../support/chance.ts'
import { NumberSink } from '../support/numbers.ts'
import { MIB } from '../support/process.ts'
import { Sender } from '../support/relp-sender.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { say } from '../support/say.ts'

/** By hand: LOGWEIR_FAULT_KILLS=200. */
const KILLS = Number(process.env['LOGWEIR_FAULT_KILLS'] ?? 7)
/** Each kill is a start, and some a drain. */
const LIMIT_MS = 120_000 + KILLS * 6000
/** Bytes: `replay` of a forwarder over TCP, and two batches. */
const WINDOW = 4 * MIB + 2 * 65_536
const EVENTS_MAX = 8_000_000
const retry = { first: '10ms', max: '100ms' }
const allow = ['127.0.0.0/8']
/** Files fill as quickly as they did before anything was made smaller. */
const spool = { compression: 'off' }

let router: Router | undefined
let sink: NumberSink | undefined
afterEach(async () => {
  await router?.clean()
  await sink?.close()
})

interface Scene {
  readonly router: Router
  readonly sink: NumberSink
  readonly sender: Sender
  readonly random: () => number
}

/** Until so many more are acknowledged; a full spool answers nothing, so not for ever. */
async function grow({ sender }: Scene, count: number): Promise<void> {
  const goal = sender.safe.size + count
  for (let turn = 0; turn < 400 && sender.safe.size < goal; turn++) await sleep(5)
}

async function backlog(scene: Scene): Promise<void> {
  await scene.sink.close()
  await grow(scene, 5000)
}

/** Resolves when a file of the chain is unlinked, or after a while. True: it was. */
async function unlinked({ router: { folder } }: Scene): Promise<boolean> {
  const chain = join(folder, 'var', 'spool', '0', 'tenant-0%2fsiem')
  if (!existsSync(chain)) return false
  const end = new AbortController()
  const gone = new Promise<boolean>((done) => {
    watch(chain, { signal: end.signal }, (_, name) => {
      if (name?.endsWith('.db') === true && !existsSync(join(chain, name))) done(true)
    })
  })
  const met = await Promise.race([gone, sleep(1500, false)])
  end.abort()
  return met
}

/** Each brings the router into its state and returns at the moment of the kill; false: the state was not met. */
const STATES: Readonly<Record<string, (scene: Scene) => Promise<boolean>>> = {
  idle: async (scene) => {
    await scene.sink.open()
    scene.sender.hold = true
    await scene.router.until((ledger) => {
      const { queued, spooled, in_flight } = forwarderOf(ledger, 'tenant-0', 'siem')
      return queued + spooled + in_flight === 0
    })
    await sleep(scene.random() * 300)
    return true
  },
  spooling: async (scene) => {
    await scene.sink.close()
    await grow(scene, 500)
    await sleep(scene.random() * 200)
    return true
  },
  draining: async (scene) => {
    await backlog(scene)
    await scene.sink.open()
    const from = scene.sink.lines
    await scene.sink.until(() => scene.sink.lines > from)
    await sleep(scene.random() * 100)
    return true
  },
  reloading: async (scene) => {
    await grow(scene, 300)
    scene.router.signal('SIGHUP')
    await sleep(scene.random() * 80)
    return true
  },
  unlinking: async (scene) => {
    await backlog(scene)
    const met = unlinked(scene)
    await scene.sink.open()
    return met
  },
  stopping: async (scene) => {
    await grow(scene, 300)
    scene.router.signal('SIGTERM')
    await sleep(scene.random() * 150)
    return true
  },
  starting: async (scene) => {
    await backlog(scene)
    await scene.router.kill()
    const ended = scene.router.start().catch(() => undefined)
    await sleep(scene.random() * 900)
    await scene.router.kill()
    await ended
    return true
  },
}

test(
  'R1, R2: with `spool: always`, killed in every state, nothing acknowledged is lost and order is kept',
  async () => {
    const seed = runSeed()
    const random = seeded(seed)
    sink = await new NumberSink(EVENTS_MAX).open()
    // Small files, so that they are sealed and unlinked all the time.
    const queue = { memory_max: '4MiB', disk_max: '8MiB' }
    const forwarder = { name: 'siem', to: sink.url, spool: 'always', retry, queue }
    const listeners = [{ name: 'relp', transport: 'relp', bind: '127.0.0.1:0', allow }]
    const made = await new Router({ listeners, spool }, { tenants: [tenantRules(0, [forwarder])] }).start()
    router = made
    const sender = new Sender(EVENTS_MAX)
    const running = sender.run(() => made.port('relp') || 1)
    const scene: Scene = { router: made, sink, sender, random }
    const met: Record<string, number> = {}
    const states = Object.keys(STATES)
    for (let kill = 0; kill < KILLS; kill++) {
      const state = states[kill % states.length] as string
      const there = await STATES[state]?.(scene)
      await made.kill()
      if (there === true) met[state] = (met[state] ?? 0) + 1
      sender.go()
      await made.start()
      expectBalanced(await made.status())
    }
    sender.stop = true
    await sink.open()
    await running
    expect(sender.safe.size).toBe(sender.next)
    await sink.until(() => sink?.missing(sender.next) === 0)
    const end = await made.until((now) => {
      const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'siem')
      return queued + spooled + in_flight === 0
    })
    expectBalanced(end)
    expect(forwarderOf(end, 'tenant-0', 'siem').dropped).toEqual({})
    say(`kill -9, always: seed ${seed}, ${JSON.stringify(met)}, ${sender.next} acknowledged, 0 lost,`)
    say(`kill -9, always: ${sink.doubled} came twice, ${sink.inversions} out of order`)
    expect(sink.inversions).toBe(0)
    // A kill and a reset of the destination send again what the window and the batches under way hold.
    expect(sink.doubled).toBeLessThanOrEqual((2 * KILLS * WINDOW) / dfwLine(0, 0).length)
    expect(await made.stop()).toBe(0)
  },
  LIMIT_MS,
)

/** Events a second, and the seconds that memory alone may have them: `batch.age` and `spill_after`. */
const RATE = 5000
const MEMORY_S = 1.1

/** Sends numbered events at a steady rate until it is stopped or its connection breaks; gives the next number. */
async function steady(port: number, from: number, told: { next: number; stop: boolean }): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  let open = true
  socket.on('error', () => undefined).on('close', () => (open = false))
  socket.resume()
  await once(socket, 'connect')
  const began = performance.now()
  while (open && !told.stop) {
    const due = from + Math.floor(((performance.now() - began) / 1000) * RATE)
    const lines = Array.from({ length: due - told.next }, (_, n) => `${dfwLine(0, told.next + n)}\n`)
    told.next = due
    if (lines.length > 0) socket.write(lines.join(''))
    await sleep(10)
  }
  if (!open) return
  const closed = once(socket, 'close')
  socket.end()
  await closed
}

test(
  'R4: with `overflow`, a kill loses at most what only memory had, as the books say, and how much is printed',
  async () => {
    const seed = runSeed()
    const random = seeded(seed)
    const kills = Math.ceil(KILLS / 3)
    sink = await new NumberSink(EVENTS_MAX).open()
    const forwarder = { name: 'siem', to: sink.url, retry }
    const listeners = [{ name: 'tcp', transport: 'tcp', bind: '127.0.0.1:0', allow }]
    const made = await new Router({ listeners, spool }, { tenants: [tenantRules(0, [forwarder])] }).start()
    router = made
    let at_risk = 0
    const told = { next: 0, stop: false }
    for (let kill = 0; kill < kills; kill++) {
      const from = told.next
      const sending = steady(made.port('tcp'), from, told)
      if (kill % 2 === 0) await sink.close()
      else await sink.open()
      await sleep(600 + random() * 1200)
      const ledger = await made.status()
      expectBalanced(ledger)
      await sleep(random() * 100)
      const { queued, in_flight, dropped } = forwarderOf(ledger, 'tenant-0', 'siem')
      expect(dropped).toEqual({})
      at_risk += queued + in_flight + told.next - from - ledger.received
      await made.kill()
      await sending
      await made.start()
    }
    await sink.open()
    const end = await made.until((now) => {
      const { queued, spooled, in_flight } = forwarderOf(now, 'tenant-0', 'siem')
      return queued + spooled + in_flight === 0
    })
    expectBalanced(end)
    // What was delivered is in the system's buffers at the latest: the last of it is awaited by standing still.
    for (let last = -1; last !== sink.lines; await sleep(200)) last = sink.lines
    const lost = sink.missing(told.next)
    const design = Math.round(kills * RATE * MEMORY_S)
    say(`kill -9, overflow: seed ${seed}, ${kills} kills, ${told.next} sent, ${lost} lost,`)
    say(
      `kill -9, overflow: ${at_risk} were in memory alone, ${design} by batch.age + spill_after; ${sink.doubled} twice`,
    )
    expect(lost).toBeLessThanOrEqual(at_risk)
    // As much again for a disk that is slow and a machine that is busy.
    expect(lost).toBeLessThanOrEqual(2 * design)
    expect(sink.inversions).toBe(0)
    expect(await made.stop()).toBe(0)
  },
  LIMIT_MS,
)
