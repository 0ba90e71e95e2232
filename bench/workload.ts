/**
 * The events of the bench: NSX-T distributed-firewall lines as ESXi sends them, about 217 bytes each, with the labels
 * that VCD composes. 80 % carry the label of a tenant; of the rest one half has no label, one half a foreign one.
 * The same seed gives the same bytes.
 */
import { Buffer } from 'node:buffer'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Seeded } from './lib/random.ts'

export interface BenchTenant {
  readonly name: string
  readonly org_id: string
  readonly group: { readonly name: string; readonly id: string }
  readonly gateway: { readonly name: string; readonly id: string }
  /** First 5 characters of the group's name and first 27 of its UUID. */
  readonly dfw_label: string
  /** First 10 characters of the group's UUID, first 5 of the gateway's name, first 5 of its UUID. */
  readonly gateway_label: string
}

export interface Workload {
  readonly tenants: readonly BenchTenant[]
  /** Events in each of the two files. */
  readonly events: number
  /** Index of the tenant of each event, or -1. */
  readonly owners: Int32Array
  readonly newline_file: string
  readonly octet_file: string
  /** Bytes of an event without framing, on average. */
  readonly average: number
}

const NAMES = [
  'umbra',
  'corvus',
  'meridian',
  'halcyon',
  'tessera',
  'quarry',
  'lantern',
  'osprey',
  'juniper',
  'basalt',
] as const
const FLAGS = ['S', 'SEW', 'SA', 'PA', 'FPA', 'A', 'R'] as const
const START = Date.UTC(2026, 0, 2, 3, 4, 5)

export function makeTenants(count: number): BenchTenant[] {
  const random = new Seeded(20_260_102)
  const tenants: BenchTenant[] = []
  for (let i = 0; i < count; i++) {
    const word = NAMES[i % NAMES.length] as string
    const group = { name: `${word}-dcg-${i}`, id: random.uuid() }
    const gateway = { name: `${word}-gw-${i}`, id: random.uuid() }
    tenants.push({
      name: `${word}-${String(i).padStart(5, '0')}`,
      org_id: random.uuid(),
      group,
      gateway,
      dfw_label: group.name.slice(0, 5) + group.id.slice(0, 27),
      gateway_label: group.id.slice(0, 10) + gateway.name.slice(0, 5) + gateway.id.slice(0, 5),
    })
  }
  return tenants
}

/** Makes `events` events for the tenants and writes them to `folder`, in both framings. */
export function makeWorkload(folder: string, tenants: readonly BenchTenant[], events: number): Workload {
  mkdirSync(folder, { recursive: true })
  const random = new Seeded(217)
  const owners = new Int32Array(events)
  const newline: Buffer[] = []
  const octet: Buffer[] = []
  let bytes = 0
  for (let i = 0; i < events; i++) {
    const owned = random.next() < 0.8
    const owner = owned ? random.between(0, tenants.length) : -1
    owners[i] = owner
    const label = owned
      ? ` ${(tenants[owner] as BenchTenant).dfw_label}`
      : random.next() < 0.5
        ? ` nobdy${random.uuid().slice(0, 27)}`
        : ''
    const event = header(random, i) + body(random) + label
    bytes += event.length
    newline.push(Buffer.from(`${event}\n`, 'latin1'))
    octet.push(Buffer.from(`${event.length} ${event}`, 'latin1'))
  }
  const workload = {
    tenants,
    events,
    owners,
    newline_file: join(folder, 'events.newline'),
    octet_file: join(folder, 'events.octet'),
    average: bytes / events,
  }
  writeFileSync(workload.newline_file, Buffer.concat(newline))
  writeFileSync(workload.octet_file, Buffer.concat(octet))
  return workload
}

/** Events that carry their number as process id, newline-framed, and where each begins: for counting what came of each. */
export interface NumberedWorkload {
  readonly file: string
  readonly events: number
  /** Byte at which each event begins, and where the last one ends. */
  readonly starts: Float64Array
  readonly average: number
}

/** Process id of the first numbered event. */
export const FIRST_NUMBER = 1_000_000
/** Events that are written to the file at once. */
const PIECE = 50_000

export function makeNumbered(
  folder: string,
  tenants: readonly BenchTenant[],
  events: number,
): NumberedWorkload {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'events.numbered')
  const random = new Seeded(217)
  const starts = new Float64Array(events + 1)
  writeFileSync(file, '')
  let at = 0
  for (let i = 0; i < events; ) {
    const piece: Buffer[] = []
    for (const to = Math.min(events, i + PIECE); i < to; i++) {
      const label = random.next() < 0.8 ? ` ${random.pick(tenants).dfw_label}` : ''
      const event = `${header(random, i, FIRST_NUMBER + i)}${body(random)}${label}\n`
      starts[i] = at
      at += event.length
      piece.push(Buffer.from(event, 'latin1'))
    }
    appendFileSync(file, Buffer.concat(piece))
  }
  starts[events] = at
  return { file, events, starts, average: at / events - 1 }
}

/** How many of the first `events` events each tenant gets when they are sent `repeat` times. */
export function expectedCounts(workload: Workload, events: number, repeat: number): number[] {
  const counts = Array.from({ length: workload.tenants.length }, () => 0)
  for (let i = 0; i < events; i++) {
    const owner = workload.owners[i] as number
    if (owner >= 0) counts[owner] = (counts[owner] as number) + repeat
  }
  return counts
}

function header(random: Seeded, i: number, number?: number): string {
  const time = new Date(START + i).toISOString()
  const host = `esx-${String(random.between(1, 400)).padStart(4, '0')}.cluster-${random.between(10, 40)}.fra1.cloud.example.com`
  const process = number ?? random.between(1_000_000, 3_000_000)
  return random.next() < 0.7
    ? `<13>${time} ${host} FIREWALL-PKTLOG[${process}]: `
    : `<13>1 ${time} ${host} FIREWALL-PKTLOG ${process} - - `
}

function address(random: Seeded): string {
  return `10.${random.between(100, 255)}.${random.between(100, 255)}.${random.between(10, 255)}`
}

function body(random: Seeded): string {
  const start = `${random.hex(8)} INET `
  const rule = `${random.between(1000, 99_999)} ${random.pick(['IN', 'OUT'])}`
  const ends = `${address(random)}/${random.between(10_000, 65_536)}->${address(random)}/${random.between(1000, 10_000)}`
  const kind = random.next()
  if (kind < 0.5)
    return `${start}match ${random.pick(['PASS', 'DROP', 'REJECT'])} ${rule} ${random.between(40, 1500)} TCP ${ends} ${random.pick(FLAGS)}`
  if (kind < 0.65)
    return `${start}match ${random.pick(['PASS', 'DROP'])} ${rule} ${random.between(60, 1500)} UDP ${ends}`
  if (kind < 0.7) return `${start}match PASS ${rule} 84 ICMP ${address(random)}->${address(random)}`
  const counters = `${random.between(10, 999)}/${random.between(10, 999)} ${random.between(1000, 99_999)}/${random.between(1000, 99_999)}`
  if (kind < 0.9)
    return `${start}TERM PASS ${rule} TCP ${random.pick(['FIN', 'RST', 'TIMEOUT'])} ${ends} ${counters}`
  return `${start}TERM PASS ${rule} UDP ${ends} ${counters}`
}
