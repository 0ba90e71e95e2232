import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import { type EventContext, eventObject } from '../../../src/classify/event-json.ts'
import { writeEventJson } from '../../../src/classify/event-json-writer.ts'
import { EventFlag } from '../../../src/classify/view.ts'
import { linesOf, Reader } from '../../support/classify.ts'

const FIXTURES = join(import.meta.dirname, '../../../fixtures')
const files = readdirSync(FIXTURES).filter((name) => name.endsWith('.log'))
const reader = new Reader()

const CONTEXT: EventContext = {
  arrival: { id: 'kx3f/0/acme/siem/12/7', listener: 'syslog-tls', source: 'fra1-hosts', site: null },
  ownership: {
    tenant: 'acme',
    owner: {
      org: { id: 'a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10', name: 'ACME' },
      org_vdc: null,
      data_center_group: { id: '7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e', name: 'acme-dcg' },
      gateway: null,
      by: 'vcd.dfw',
    },
  },
}

/** The part of the event that a line's expectation names: absent fields are left out there. */
function summary(line: Buffer): object {
  const event = reader.json(line)
  const { stream, header, valid, facility, severity, timestamp, hostname, app_name, proc_id, msg_id } = event
  const { structured_data, message, label, firewall } = event
  const family = FAMILY_NAMES.find((name) => event[name] !== undefined)
  const inner = family === undefined ? undefined : event[family]
  const { flags } = reader.view
  const known = { facility, severity, timestamp, hostname, app_name, proc_id, msg_id, structured_data }
  return {
    stream,
    header,
    valid,
    label,
    complete: (flags & EventFlag.complete_header) !== 0,
    ...((flags & EventFlag.cut_by_sender) === 0 ? {} : { cut_by_sender: true }),
    ...withoutNulls(known),
    ...(firewall === null ? { message } : { firewall: withoutNulls(firewall) }),
    ...(family === undefined ? {} : { [family]: withoutNulls(inner ?? {}) }),
  }
}

const FAMILY_NAMES = ['esxi', 'vcenter', 'nsx', 'vcd', 'cf', 'edge'] as const

function withoutNulls(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null))
}

test.each(files)('%s: every line becomes what its expectation says', (name) => {
  const lines = linesOf(readFileSync(join(FIXTURES, name)))
  if (process.env['LOGWEIR_UPDATE'] === '1') {
    // To be read line by line before it is committed: an expectation is what must be, not what happens to be.
    const texts = lines.map((line) => `${JSON.stringify(summary(line))}\n`)
    writeFileSync(join(FIXTURES, name.replace('.log', '.expect.jsonl')), texts.join(''))
  }
  const expected = linesOf(readFileSync(join(FIXTURES, name.replace('.log', '.expect.jsonl'))))
  expect(lines.length).toBe(expected.length)
  for (const [index, line] of lines.entries()) {
    const wanted: unknown = JSON.parse(expected[index]?.toString() ?? '')
    // Through JSON, as the expectation went: objects without prototype become plain ones.
    expect(JSON.parse(JSON.stringify(summary(line))), `${name}:${index + 1}`).toEqual(wanted)
  }
})

test.each(files)('%s: bytes and object are the same JSON', (name) => {
  const target = new JsonBuffer(64)
  for (const line of linesOf(readFileSync(join(FIXTURES, name)))) {
    for (const context of [{}, { ownership: null }, CONTEXT]) {
      const view = reader.read(line)
      target.clear()
      writeEventJson(view, reader.streamName(), target, context)
      expect(target.written().toString()).toBe(
        JSON.stringify(eventObject(view, reader.streamName(), context)),
      )
    }
  }
})

test("the keys stand in the interface's order", () => {
  const event = eventObject(
    reader.read(linesOf(readFileSync(join(FIXTURES, 'nsxt-dfw.log')))[0] ?? ''),
    'x',
    CONTEXT,
  )
  expect(Object.keys(event).join(' ')).toBe(
    'schema id received_at listener peer source site stream header valid truncated facility severity version ' +
      'timestamp hostname app_name proc_id msg_id structured_data message label firewall tenant owner',
  )
  expect(Object.keys(event.firewall ?? {}).join(' ')).toBe(
    'event action rule_id direction ip_version length protocol source_ip source_port destination_ip destination_port ' +
      'tcp_flags close icmp_type icmp_code packets_in packets_out bytes_in bytes_out ruleset interface application repeated',
  )
})
