/**
 * What rules cost: `npm run bench:rules [-- --short] [--only load,reload,events,patterns,inventory]`. 1,000 tenants with five
 * forwarders that ask something: loading and compiling, how long a reload holds events up, what conditions cost an event,
 * that no pattern and no text costs more than its length, and an inventory of 2,000 tenants. Ends with 1 when a promise is
 * not kept. Times are of the processor where that can be asked, so that a busy machine changes little.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { systemClock } from '../src/base/clock.ts'
import { load } from '../src/control/load.ts'
import { loadAside } from '../src/control/load-aside.ts'
import { pull } from '../src/inventory/pull.ts'
import { patternOf } from '../src/rules/pattern.ts'
import type { RulesPlan } from '../src/rules/plan.ts'
import { makeWorld, VcdServer } from '../test/support/vcd-server.ts'
import { choosePorts } from './lib/measure.ts'
import { stopAll } from './lib/proc.ts'
import { routed } from './lib/rule-events.ts'
import { reloadHolds } from './lib/rule-reload.ts'
import { type RuleSet, writeRuleSet } from './lib/rule-sets.ts'
import { makeTenants, makeWorkload } from './workload.ts'

const TENANTS = 1000
const FORWARDERS = 5
const PROMISED = { load_s: 2, hold_ms: 5, events: 1.5, growth: 2.2, inventory_s: 60 } as const

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string' } },
})
const folder = mkdtempSync(join(process.env['LOGWEIR_BENCH_DIR'] ?? tmpdir(), 'logweir-bench-'))
const tenants = makeTenants(TENANTS)
const { in_port: listen, admin_port: admin } = choosePorts()
const sections: Record<string, () => Promise<void>> = { load: loading, reload, events, patterns, inventory }

try {
  for (const [name, run] of Object.entries(sections))
    if (values.only === undefined || values.only.split(',').includes(name)) await run()
} finally {
  await stopAll()
  rmSync(folder, { recursive: true, force: true })
}

function verdict(what: string, found: number, promised: number, text: string): void {
  const kept = found <= promised
  console.log(`${kept ? 'kept  ' : 'BROKEN'} ${what}: ${text}`)
  if (!kept) process.exitCode = 1
}

function ruleSet(name: string, changes: Partial<RuleSet> = {}): string {
  const own = { folder: join(folder, name), tenants, forwarders: FORWARDERS, conditions: true, port: 9000 }
  return writeRuleSet({ ...own, listen, admin, ...changes })
}

function planOf(file: string): RulesPlan {
  const { plan, findings } = load(file, 1, process.env)
  if (plan === undefined) throw new Error(JSON.stringify(findings.slice(0, 3)))
  return plan
}

/** As the router does it, in a thread that begins cold. */
async function loading(): Promise<void> {
  const file = ruleSet('load')
  const wall: number[] = []
  const cpu: number[] = []
  for (let n = 0; n < (values.short ? 3 : 7); n++) {
    const [began, before] = [performance.now(), process.cpuUsage()]
    const { plan } = await loadAside(file, 1, process.env)
    if (plan?.forwarders.length !== TENANTS * FORWARDERS) throw new Error('the rules of the bench are wrong')
    const { user, system } = process.cpuUsage(before)
    wall.push((performance.now() - began) / 1000)
    cpu.push((user + system) / 1e6)
  }
  const texts = tenants.map(({ name }) =>
    readFileSync(join(folder, 'load', 'rules', 'tenants', `${name}.yaml`), 'utf8'),
  )
  const before = process.cpuUsage()
  for (const text of texts) parse(text)
  const { user, system } = process.cpuUsage(before)
  const least = Math.min(...cpu)
  const ratio = least / ((user + system) / 1e6)
  const text = `${least.toFixed(2)} s of a processor, ${Math.min(...wall).toFixed(2)} s by the clock (${PROMISED.load_s} s), ${ratio.toFixed(1)} × what the yaml package takes to parse the files alone, cold`
  verdict('load and compile', Math.min(least, ...wall), PROMISED.load_s, text)
}

async function reload(): Promise<void> {
  const file = ruleSet('reload', { nothing: true })
  const workload = makeWorkload(join(folder, 'reload', 'events'), tenants, 20_000)
  const change = (n: number): void => {
    const changed = join(folder, 'reload', 'rules', 'tenants', `${tenants[n]?.name ?? ''}.yaml`)
    writeFileSync(changed, readFileSync(changed, 'utf8').replace('name: f0,', 'name: f0, format: rfc5424,'))
  }
  const times = values.short ? 5 : 15
  const { reloads, quiet, took } = await reloadHolds(
    file,
    join(folder, 'reload'),
    { listen, admin },
    workload,
    times,
    change,
  )
  const text =
    `${median(reloads).toFixed(1)} ms of a processor at most in the median of ${times} reloads (${PROMISED.hold_ms} ms; ` +
    `without a reload ${median(quiet).toFixed(1)}; the least ${Math.min(...reloads).toFixed(1)} and ${Math.min(...quiet).toFixed(1)}), ` +
    `${(median(took) / 1000).toFixed(1)} s from asking to running`
  verdict('a reload holds events up', median(reloads), PROMISED.hold_ms, text)
}

async function events(): Promise<void> {
  const count = values.short ? 30_000 : 50_000
  const bytes = readFileSync(makeWorkload(join(folder, 'events'), tenants, count).newline_file)
  const one = routed(planOf(ruleSet('one', { forwarders: 1, conditions: false })))
  const five = routed(planOf(ruleSet('five')))
  const pairs: { readonly one: number; readonly five: number }[] = []
  for (let n = 0; n < (values.short ? 25 : 60); n++)
    pairs.push({ one: one.run(bytes), five: five.run(bytes) })
  const warm = pairs.slice(5)
  const us = (which: 'one' | 'five'): number => Math.min(...warm.map((pair) => pair[which])) / count
  const ratio = median(warm.map((pair) => pair.five / pair.one))
  const text =
    `${ratio.toFixed(2)} × one forwarder a tenant that asks nothing (${PROMISED.events} ×), ` +
    `${us('five').toFixed(2)} and ${us('one').toFixed(2)} µs an event at the least disturbed; ` +
    `${((five.delivered() / one.delivered()) * 100).toFixed(0)} % as many delivered`
  verdict('conditions of five forwarders a tenant', ratio, PROMISED.events, text)
  await Promise.resolve()
}

/** Twice the text must not cost more than about twice the time. */
async function patterns(): Promise<void> {
  const hostile: readonly (readonly [string, string])[] = [
    ['^(a+)+$', 'a'],
    ['(x+x+)+[yz]', 'x'],
    ['(a|aa)*[bc]', 'a'],
    ['([a-z]+)*[0-9]', 'q'],
    ['(.*),(.*),(.*),(.*),(.*)[!?]', ','],
    ['a{0,50}a{50}[^a]', 'a'],
  ]
  let worst = 0
  let where = ''
  let slowest = 0
  for (const [pattern, letter] of hostile) {
    const compiled = patternOf(pattern)
    const cost = (length: number): number => {
      const text = Buffer.from(letter.repeat(length))
      const runs = Array.from({ length: 9 }, () => {
        const began = performance.now()
        for (let n = 0; n < 5; n++) compiled.test(text, 0, text.length)
        return (performance.now() - began) / 5
      })
      return Math.min(...runs)
    }
    cost(16_384)
    const [half, whole] = [cost(32_768), cost(65_536)]
    slowest = Math.max(slowest, whole)
    if (whole / half > worst) [worst, where] = [whole / half, pattern]
  }
  const text = `${worst.toFixed(2)} × the time for 64 KiB that 32 KiB take at the worst of ${hostile.length} patterns (${where}; ${PROMISED.growth} ×); ${slowest.toFixed(1)} ms at most`
  verdict('hostile patterns', worst, PROMISED.growth, text)
  await Promise.resolve()
}

async function inventory(): Promise<void> {
  const vcd = new VcdServer(makeWorld(2000))
  await vcd.listen(false)
  vcd.delay = 50
  try {
    const began = performance.now()
    const { counts } = await pull({
      url: new URL(vcd.url),
      token: () => Promise.resolve(vcd.token),
      rotated: () => Promise.resolve(),
      org: null,
      ca: null,
      env: {},
      folder: join(folder, 'inventory'),
      rules: null,
      grace: 86_400_000,
      max_loss: 0.1,
      dry_run: false,
      clock: systemClock,
      timeout: { answer: 30_000, all: 600_000 },
    })
    const seconds = (performance.now() - began) / 1000
    const text = `${counts.tenants} tenants in ${seconds.toFixed(1)} s from a server that answers in 50 ms (${PROMISED.inventory_s} s)`
    verdict(
      'inventory',
      counts.tenants === 2000 ? seconds : Number.POSITIVE_INFINITY,
      PROMISED.inventory_s,
      text,
    )
  } finally {
    await vcd.close()
  }
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
}
