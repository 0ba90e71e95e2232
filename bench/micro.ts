/**
 * What each step of the hot path costs at its least disturbed, nanoseconds an event, over the events of the bench for 1,000 tenants; beside the
 * two things that one would write first. `npm run bench -- --json` prints the figures only.
 */
import { Buffer } from 'node:buffer'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import parseBsd from 'syslog-parse'
import { Bench } from 'tinybench'
import { JsonBuffer } from '../src/base/json-buffer.ts'
import { Classifier } from '../src/classify/classifier.ts'
import { eventObject } from '../src/classify/event-json.ts'
import { writeEventJson } from '../src/classify/event-json-writer.ts'
import { scanHeader } from '../src/classify/header.ts'
import { EventView } from '../src/classify/view.ts'
import { load } from '../src/control/load.ts'
import { Framer } from '../src/framing/framer.ts'
import { Batch, type BatchNames } from '../src/queue/batch.ts'
import { PayloadForm } from '../src/queue/batch-format.ts'
import { compileCondition } from '../src/rules/conditions.ts'
import { LabelTable } from '../src/rules/label-table.ts'
import { labelByExpression } from './lib/baselines.ts'
import { writeLogweir } from './lib/configs.ts'
import { ROOT } from './lib/routers.ts'
import { makeTenants, makeWorkload } from './workload.ts'

const EVENTS = 10_000
const CHUNK = 64 * 1024
const BATCH_BYTES = 64 * 1024

const folder = mkdtempSync(join(tmpdir(), 'logweir-bench-'))
const tenants = makeTenants(1000)
const workload = makeWorkload(folder, tenants, EVENTS)
const newline = readFileSync(workload.newline_file)
const octet = readFileSync(workload.octet_file)
const plan = loadPlan()
rmSync(folder, { recursive: true, force: true })

const classifier = new Classifier(plan.streams)
const table = new LabelTable(plan.labels)
const views = viewsOf(newline)
/** As many as stay in the cache: a worker has one view only. */
const near = views.slice(0, 200)
const NEAR_ROUNDS = EVENTS / near.length
const bsd_text = newline
  .toString('latin1')
  .trimEnd()
  .split('\n')
  .map((line, i) => asBsd(line, i))
const bsd_views = viewsOf(Buffer.from(`${bsd_text.join('\n')}\n`, 'latin1'))
const labels = new Map(tenants.map((t, i) => [t.dfw_label, i]))
/** Stream, label start and label end of each event. */
const spans = Int32Array.from(views.flatMap((v) => [v.stream, v.label_start, v.label_end]))
const json_buffer = new JsonBuffer(1 << 20)
const name = { id: '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4', name: 'umbra' }
const context = {
  arrival: { id: '1/0/umbra/siem/1/1', listener: 'in', source: 'hosts', site: 'bench' },
  ownership: {
    tenant: 'umbra',
    owner: { org: name, org_vdc: null, data_center_group: name, gateway: null, by: 'vcd.dfw' },
  },
}
let kept = 0

const bench = new Bench({ time: 400, warmupTime: 200 })
bench.add('framing, newline', () => frame(newline))
bench.add('framing, octet counting', () => frame(octet))
bench.add('header', () => walk(views, scanHeader))
bench.add('header, BSD', () => walk(bsd_views, scanHeader))
bench.add('header, stream, fields and label', () => walk(views, (view) => classifier.classify(view)))
for (const stream of ['nsxt-gateway', 'esxi', 'vcenter', 'nsxt-manager', 'cf', 'other']) {
  const lines = viewsOf(fixtureLines(stream))
  bench.add(`the same for events of ${stream.replace('nsxt-', 'nsxt.')}`, () =>
    walk(lines, (view) => classifier.classify(view)),
  )
}
bench.add('label to tenant', () => {
  for (let i = 0; i < EVENTS; i++) {
    kept += table.find(
      spans[i * 3] as number,
      newline,
      spans[i * 3 + 1] as number,
      spans[i * 3 + 2] as number,
    )
  }
})
const condition = compileCondition(
  {
    op: 'all',
    of: [
      { op: 'equals', field: 'stream', values: ['nsxt.dfw'] },
      { op: 'equals', field: 'firewall.action', values: ['DROP', 'REJECT'] },
      { op: 'network', field: 'firewall.address', networks: ['10.128.0.0/9'] },
    ],
  },
  plan,
  { listeners: ['in'], sources: [] },
)
bench.add('condition (stream, action, network)', () => {
  for (let i = 0; i < NEAR_ROUNDS; i++) for (const view of near) kept += condition(view, 1) ? 1 : 0
})
bench.add('append to a batch', append)
bench.add('event JSON', json)
bench.add('baseline: event JSON by JSON.stringify', jsonOfObjects)
bench.add('baseline: syslog-parse, BSD header', () => {
  for (const view of bsd_views) kept += parseBsd(view.buf.toString('latin1', view.start, view.end)) ? 1 : 0
})
bench.add('baseline: regular expressions to label to tenant', () => {
  for (const view of views)
    kept += labels.get(labelByExpression(view.buf.toString('latin1', view.start, view.end)) ?? '') ?? 0
})
await bench.run()

function loadPlan() {
  const file = writeLogweir({
    folder,
    tenants,
    transport: 'tcp',
    framing: 'newline',
    in_port: 5514,
    first_port: 20_000,
    admin_port: 8514,
    certificate: '',
    key: '',
    provider: [],
    deliver: true,
    memory_max: '256MiB',
    forwarder_idle: '10m',
  })
  const loaded = load(file, 1, process.env)
  if (!loaded.plan)
    throw new Error(`the rules of the bench are wrong: ${JSON.stringify(loaded.findings.slice(0, 3))}`)
  return loaded.plan
}

/** As many events as in the other rows, of a stream without label: its fixtures over and over. */
function fixtureLines(stream: string): Buffer {
  const lines = readFileSync(join(ROOT, 'fixtures', `${stream}.log`), 'latin1')
    .trimEnd()
    .split('\n')
  const all = Array.from({ length: EVENTS }, (_, i) => lines[i % lines.length] ?? '')
  return Buffer.from(`${all.join('\n')}\n`, 'latin1')
}

/** A classified view of each event. */
function viewsOf(bytes: Buffer): EventView[] {
  const found: EventView[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at)
    const view = new EventView()
    view.buf = bytes
    view.start = at
    view.end = end
    view.peer = '127.0.0.1'
    classifier.classify(view)
    found.push(view)
    at = end + 1
  }
  return found
}

/** One view for all events, as in a worker. */
function walk(from: readonly EventView[], act: (view: EventView) => void): void {
  const view = new EventView()
  view.peer = '127.0.0.1'
  for (const { buf, start, end } of from) {
    view.buf = buf
    view.start = start
    view.end = end
    act(view)
  }
  kept += view.stream
}

function asBsd(line: string, i: number): string {
  const body = line.slice(line.search(/[0-9a-f]{8} INET/))
  return `<13>Jan ${String((i % 28) + 1).padStart(2, '0')} 03:04:05 esx-${i % 400} FIREWALL-PKTLOG[${i}]: ${body}`
}

function frame(bytes: Buffer): void {
  const sink = { frame: () => void kept++, leadingZeros: () => undefined, fault: () => undefined }
  const framer = new Framer({ framing: 'auto', frame_max: 65_536 }, sink)
  for (let at = 0; at < bytes.length; at += CHUNK) framer.push(bytes.subarray(at, at + CHUNK))
}

function newBatch(payload: Buffer): Batch {
  const names: BatchNames = { stream: () => '', owner: () => null, listener: () => '', source: () => null }
  return new Batch(
    PayloadForm.newline,
    { epoch: 1, worker: 0, forwarder: 'a/b', generation: 1 },
    names,
    payload,
  )
}

function append(): void {
  const payload = Buffer.allocUnsafeSlow(BATCH_BYTES)
  let batch = newBatch(payload)
  for (let i = 0; i < NEAR_ROUNDS; i++) {
    for (const view of near) {
      if (batch.used + batch.room(view.end - view.start, false) > payload.length) batch = newBatch(payload)
      batch.append(view, 1, false)
    }
  }
  kept += batch.events
}

function json(): void {
  for (let i = 0; i < NEAR_ROUNDS; i++) {
    json_buffer.clear()
    for (const view of near) writeEventJson(view, 'nsxt.dfw', json_buffer, context)
    kept += json_buffer.length
  }
}

function jsonOfObjects(): void {
  for (let i = 0; i < NEAR_ROUNDS; i++) {
    for (const view of near) kept += JSON.stringify(eventObject(view, 'nsxt.dfw', context)).length
  }
}

/** Writes the figures. */
export function print(): void {
  const found = bench.tasks.map((task) => {
    if (task.result.state !== 'completed') throw new Error(`${task.name}: ${task.result.state}`)
    return { name: task.name, ns: (task.result.latency.min / EVENTS) * 1e6 }
  })
  if (process.argv.includes('--json')) return void process.stdout.write(`${JSON.stringify(found)}\n`)
  for (const { name, ns } of found)
    process.stdout.write(`${name.padEnd(50)} ${ns.toFixed(1).padStart(9)} ns an event\n`)
  const ns = (name: string): number => found.find((f) => f.name === name)?.ns ?? Number.NaN
  const own = ns('header, stream, fields and label') + ns('label to tenant')
  const bsd = ns('baseline: syslog-parse, BSD header') / ns('header, BSD')
  const expression = ns('baseline: regular expressions to label to tenant') / own
  process.stdout.write(
    `\nsyslog-parse costs ${bsd.toFixed(1)} × the header scanner for the same BSD headers\n`,
  )
  process.stdout.write(
    `regular expressions cost ${expression.toFixed(1)} × classifying and looking the label up\n`,
  )
  if (kept < 0) process.stdout.write('')
}
