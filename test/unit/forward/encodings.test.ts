/** Do the encodings say the same of an event under their own names, as JSON that strict readers take? */
import { describe, expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import type { StreamPlan } from '../../../src/classify/streams.ts'
import { BulkEncoder } from '../../../src/forward/encode/bulk.ts'
import type { EventEncoder } from '../../../src/forward/encode/batch-encoder.ts'
import { encodedJson } from '../../../src/forward/encode/encodings.ts'
import { EventReader } from '../../../src/forward/encode/event-reader.ts'
import { HecEncoder } from '../../../src/forward/encode/hec.ts'
import { withLineEnd } from '../../../src/forward/encode/line-end.ts'
import type { Batch, BatchNames } from '../../../src/queue/batch.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { makeBatch, testNames } from '../../support/batches.ts'

const DFW =
  '<181>1 2026-01-02T03:04:05.678Z esx01.example.com FIREWALL_PKTLOG 2106467 - [nsx@6876 comp="nsx-edge"] 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S acme-7d0c'
const TERM =
  '<181>1 2026-01-02T03:04:05.678Z esx01.example.com FIREWALL_PKTLOG 2106467 - - 5c4d7b1e INET6 TERM PASS 3061 IN UDP 2001:db8::1/53->2001:db8::2/5353 4/5 600/700 acme-7d0c'
const PLAIN = 'no header at all'
const DFW_STREAM: StreamPlan = {
  name: 'stream.1',
  grammar: 'dfw',
  match: [],
  label: 'rest',
  label_formats: [],
}

const deps = { streams: (): readonly StreamPlan[] => [DFW_STREAM] }

/** Events of tenant 2 with everything that an owner may have, and of nobody. */
const names: BatchNames = {
  ...testNames,
  owner: (id) =>
    id === 0
      ? null
      : {
          tenant: 'Acme.1',
          owner: {
            org: { id: 'o-1', name: 'ACME "Ö"' },
            org_vdc: null,
            data_center_group: { id: 'g-1', name: null },
            gateway: null,
            by: 'vcd.dfw',
          },
        },
}

function batchOf(text: string | Uint8Array, owner = 1, stream = 1): Batch {
  const received_at = Date.parse('2026-01-02T03:04:06.000Z')
  const events = [{ text, owner, stream, received_at, peer: '10.20.0.7' }]
  return makeBatch({ events, escape: false, form: PayloadForm.bare, names, sequence: 7 })
}

function textOf(encoder: EventEncoder, batch: Batch): string {
  const out = new JsonBuffer(64)
  expect(encoder.encode(out, batch, 0)).toBe(true)
  return out.copyOut().toString()
}

const json = (encoder: EventEncoder, batch: Batch): Record<string, unknown> =>
  JSON.parse(textOf(encoder, batch)) as Record<string, unknown>

const ID = 'loyw3v28/0/acme/siem/7/0'

describe('ecs', () => {
  const ecs = encodedJson('ecs', deps)

  test('a firewall line has the fields of the schema', () => {
    expect(json(ecs, batchOf(DFW))).toEqual({
      '@timestamp': '2026-01-02T03:04:05.678Z',
      ecs: { version: '8.17.0' },
      message: DFW.slice(DFW.indexOf('5c4d')),
      event: {
        kind: 'event',
        id: ID,
        created: '2026-01-02T03:04:06.000Z',
        dataset: 'stream.1',
        action: 'drop',
        reason: 'match',
        category: ['network'],
        type: ['connection', 'denied'],
      },
      log: {
        source: { address: '10.20.0.7' },
        level: 'notice',
        syslog: {
          priority: 181,
          facility: { code: 22 },
          severity: { code: 5, name: 'notice' },
          version: '1',
          hostname: 'esx01.example.com',
          appname: 'FIREWALL_PKTLOG',
          procid: '2106467',
          structured_data: { 'nsx@6876': { comp: 'nsx-edge' } },
        },
      },
      host: { name: 'esx01.example.com' },
      source: { ip: '10.1.2.3', port: 50244 },
      destination: { ip: '10.0.0.5', port: 443 },
      network: { transport: 'tcp', type: 'ipv4', direction: 'outbound', bytes: 52 },
      rule: { id: '3061' },
      organization: { id: 'o-1', name: 'ACME "Ö"' },
      vcd: {
        stream: 'stream.1',
        tenant: 'Acme.1',
        data_center_group: { id: 'g-1' },
        label: 'acme-7d0c',
        tcp_flags: 'S',
      },
    })
  })

  test('a closed session has its counts, and IPv6 is said', () => {
    expect(json(ecs, batchOf(TERM))).toMatchObject({
      event: { type: ['connection', 'allowed'], action: 'pass' },
      source: { ip: '2001:db8::1' },
      network: { type: 'ipv6', direction: 'inbound', transport: 'udp' },
    })
  })

  test('what is not known is not there: no header, nobody’s', () => {
    expect(json(ecs, batchOf(PLAIN, 0, 0))).toEqual({
      '@timestamp': '2026-01-02T03:04:06.000Z',
      ecs: { version: '8.17.0' },
      message: PLAIN,
      event: { kind: 'event', id: ID, created: '2026-01-02T03:04:06.000Z', dataset: 'other' },
      log: { source: { address: '10.20.0.7' } },
      host: { name: '10.20.0.7' },
      vcd: { stream: 'other', valid: false },
    })
  })
})

describe('otel', () => {
  const otel = encodedJson('otel', deps)

  test('a firewall line is a log record of the data model', () => {
    expect(json(otel, batchOf(DFW))).toEqual({
      timestamp: '2026-01-02T03:04:05.678Z',
      observed_timestamp: '2026-01-02T03:04:06.000Z',
      severity_number: 10,
      severity_text: 'NOTICE',
      body: DFW.slice(DFW.indexOf('5c4d')),
      attributes: {
        'log.record.uid': ID,
        'net.peer.address': '10.20.0.7',
        'syslog.facility.code': 22,
        'syslog.hostname': 'esx01.example.com',
        'syslog.appname': 'FIREWALL_PKTLOG',
        'syslog.procid': '2106467',
        'syslog.structured_data': '[nsx@6876 comp="nsx-edge"]',
        'firewall.action': 'DROP',
        'firewall.event': 'match',
        'firewall.rule.id': '3061',
        'firewall.length': 52,
        'firewall.tcp_flags': 'S',
        'source.address': '10.1.2.3',
        'source.port': 50244,
        'destination.address': '10.0.0.5',
        'destination.port': 443,
        'network.transport': 'tcp',
        'network.type': 'ipv4',
        'network.io.direction': 'transmit',
        'vcd.label': 'acme-7d0c',
      },
      resource: {
        'host.name': 'esx01.example.com',
        'vcd.stream': 'stream.1',
        'vcd.tenant': 'Acme.1',
        'vcd.org.id': 'o-1',
        'vcd.org.name': 'ACME "Ö"',
        'vcd.data_center_group.id': 'g-1',
      },
    })
  })

  test('without a header there is no severity', () => {
    const event = json(otel, batchOf(PLAIN, 0, 0))
    expect(event['severity_number']).toBeUndefined()
    expect(event['resource']).toEqual({ 'host.name': '10.20.0.7', 'vcd.stream': 'other' })
  })
})

test.each(['own', 'ecs', 'otel'] as const)('%s: a document for a data stream has its time', (encoding) => {
  const event = json(encodedJson(encoding, deps, true), batchOf(DFW))
  expect(event['@timestamp']).toBe('2026-01-02T03:04:05.678Z')
  const without = json(encodedJson(encoding, deps), batchOf(DFW))
  expect(Object.keys(without).includes('@timestamp')).toBe(encoding === 'ecs')
})

const HURT = [
  '<14>1 2026-01-02T03:04:05Z h a - - - "quoted" \\ back \u0000 \u001f \u2028 \ud83d\udd25',
  Buffer.concat([Buffer.from('<14>1 - - - - - - '), Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0x0a, 0x0d])]),
  Buffer.from([0x80, 0x22]),
  DFW,
  TERM,
  PLAIN,
]
const HEC = {
  index: 'ix-{tenant}',
  source: 's',
  sourcetype: 'vmware:{stream}',
  acknowledge: false,
  ack_timeout: 1,
}
const ELASTIC = { index: 'logs-{tenant}-{stream}', op: 'create', pipeline: 'p' } as const
const reader = (): EventReader => new EventReader(deps.streams)

test.each(HURT.map((text, n) => [n, text] as const))(
  'whatever the bytes are, every encoding is one line of JSON (%i)',
  (_, text) => {
    for (const owner of [0, 1]) {
      const batch = batchOf(text, owner)
      for (const encoding of ['own', 'ecs', 'otel'] as const) {
        for (const stamp of [true, false]) {
          const line = textOf(encodedJson(encoding, deps, stamp), batch)
          expect(line).not.toMatch(/[\n\r\0]/)
          expect(JSON.parse(line)).toBeTypeOf('object')
        }
        const hec = json(new HecEncoder(reader(), HEC, encodedJson(encoding, deps)), batch)
        expect(hec['event']).toEqual(json(encodedJson(encoding, deps), batch))
      }
      const hec = json(new HecEncoder(reader(), HEC, null), batch)
      expect(hec['event']).toBe(Buffer.from(text as string).toString())
      const bulk = textOf(new BulkEncoder(withLineEnd(encodedJson('ecs', deps, true)), ELASTIC), batch)
      expect(
        bulk
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as object).length,
      ).toBe(2)
    }
  },
)

test('splunk has its own metadata, flat fields, and an index of the tenant in lower case', () => {
  expect(json(new HecEncoder(reader(), HEC, null), batchOf(DFW))).toEqual({
    event: DFW,
    time: 1_767_323_045.678,
    host: 'esx01.example.com',
    source: 's',
    sourcetype: 'vmware:stream.1',
    index: 'ix-acme.1',
    fields: {
      stream: 'stream.1',
      tenant: 'Acme.1',
      org: 'ACME "Ö"',
      org_id: 'o-1',
      data_center_group_id: 'g-1',
      id: ID,
      action: 'DROP',
      rule_id: '3061',
      direction: 'OUT',
      protocol: 'TCP',
      source_ip: '10.1.2.3',
      source_port: '50244',
      destination_ip: '10.0.0.5',
      destination_port: '443',
    },
  })
  const nobody = json(new HecEncoder(reader(), { ...HEC, index: null }, null), batchOf(PLAIN, 0, 0))
  expect(nobody['index']).toBeUndefined()
  expect(nobody['host']).toBe('10.20.0.7')
})

test('splunk has tags among its fields, whatever the event is', () => {
  const tags = { service: 'fire "wall"' }
  const fields = json(new HecEncoder(reader(), HEC, null, tags), batchOf(DFW))['fields']
  expect(fields).toMatchObject({ service: 'fire "wall"', tenant: 'Acme.1', action: 'DROP' })
})

test('a bulk action names index and id; nobody’s events are not in an index that a tenant could have', () => {
  const encoder = new BulkEncoder(withLineEnd(encodedJson('own', deps, true)), ELASTIC)
  const actions = [batchOf(DFW), batchOf(DFW, 0)].map(
    (batch) => JSON.parse(textOf(encoder, batch).split('\n')[0] ?? '') as unknown,
  )
  expect(actions).toEqual([
    { create: { _index: 'logs-acme.1-stream.1', pipeline: 'p', _id: ID } },
    { create: { _index: 'logs-_orphans-stream.1', pipeline: 'p', _id: ID } },
  ])
})
