/** Does any form in which events leave say what a rule hides, and do all of them still find the fields? */
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import type { StreamPlan } from '../../../src/classify/streams.ts'
import type { EventEncoder } from '../../../src/forward/encode/batch-encoder.ts'
import { CloudEncoder } from '../../../src/forward/encode/cloud.ts'
import { encodedJson } from '../../../src/forward/encode/encodings.ts'
import { EventReader } from '../../../src/forward/encode/event-reader.ts'
import { originalEncoder } from '../../../src/forward/encode/original.ts'
import { Rfc3164Encoder } from '../../../src/forward/encode/rfc3164.ts'
import { Rfc5424Encoder } from '../../../src/forward/encode/rfc5424.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { makeBatch, testNames } from '../../support/batches.ts'
import { RECEIVED_AT, ruleSet } from '../../support/rule-set.ts'

const HIDDEN = ['esx01', '10.1.2.3', '10.20.0.7', 'bob', '50244']
const BODY = '5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S ACME'
const LINES = [
  `<181>1 2026-01-02T03:04:05.678Z esx01.example.com FIREWALL_PKTLOG 21 - [x@1 user="bob"] ${BODY}`,
  `<13>Jan  2 03:04:05 esx01 dfwpktlogs: ${BODY}`,
  `<13>2026-01-02T03:04:05.678Z esx01.example.com FIREWALL-PKTLOG[21]: ${BODY}`,
  '<13>no host: bob',
  'bob',
]
const rules = `version: 1
provider:
  forwarders:
    - name: a
      to: udp://192.0.2.1
      hide_hosts: true
      redact: [{ field: source_ip, hash: true }, { field: source_port }, { pattern: bob }]
`

type Making = { readonly streams: () => readonly StreamPlan[]; readonly reader: () => EventReader }

const encoders: Readonly<Record<string, (making: Making) => EventEncoder>> = {
  original: () => originalEncoder,
  rfc5424: ({ reader }) => new Rfc5424Encoder(reader(), { tag: 'x' }),
  rfc3164: ({ reader }) => new Rfc3164Encoder(reader()),
  own: ({ streams }) => encodedJson('own', { streams }, true, { tag: 'x' }),
  ecs: ({ streams }) => encodedJson('ecs', { streams }),
  otel: ({ streams }) => encodedJson('otel', { streams }),
  cloud: ({ reader }) => new CloudEncoder(reader()),
}

test.each(Object.keys(encoders))('%s', (name) => {
  const set = ruleSet(rules)
  const streams = (): readonly StreamPlan[] => set.plan.streams
  const encoder = encoders[name]?.({ streams, reader: () => new EventReader(streams) })
  for (const [n, line] of LINES.entries()) {
    const { view } = set.edited('provider/a', line)
    const text = Buffer.from(view.buf.subarray(view.start, view.end))
    const event = { text, stream: view.stream, peer: view.peer, received_at: RECEIVED_AT }
    const names = { ...testNames, stream: (id: number) => set.plan.streams[id]?.name ?? 'other' }
    const batch = makeBatch({ events: [event], escape: false, form: PayloadForm.bare, names, sequence: 1 })
    const out = new JsonBuffer()
    expect(encoder?.encode(out, batch, 0)).toBe(true)
    const sent = out.copyOut().toString()
    for (const hidden of HIDDEN) expect(sent).not.toContain(hidden)
    if (n < 3) expect(sent).toMatch(/(24\d|25[0-5])\.\d+\.\d+\.\d+/)
    if (n < 3 && name === 'own')
      expect(JSON.parse(sent)).toMatchObject({
        stream: 'nsxt.dfw',
        label: 'ACME',
        firewall: {
          action: 'DROP',
          rule_id: '3061',
          source_port: 0,
          destination_ip: '10.0.0.5',
          destination_port: 443,
        },
      })
    if (n < 3 && name === 'cloud')
      expect(JSON.parse(sent)).toMatchObject({ action: 'DROP', destination_port: '443', source_port: '0' })
  }
})
