import { expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import type { EventEncoder } from '../../../src/forward/encode/batch-encoder.ts'
import { CloudEncoder } from '../../../src/forward/encode/cloud.ts'
import { encodedJson, withTags } from '../../../src/forward/encode/encodings.ts'
import { EventReader } from '../../../src/forward/encode/event-reader.ts'
import { Rfc5424Encoder } from '../../../src/forward/encode/rfc5424.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { rulesOf } from '../../support/findings.ts'
import { makeBatch, testNames } from '../../support/batches.ts'

const TAGS = { env: 'pro"d]\\', service: 'firewall' }
const PLAIN = '<13>Jan  2 03:04:05 esx01 app[7]: text'
const deps = { streams: () => [] }
const reader = (): EventReader => new EventReader(deps.streams)

function textOf(encoder: EventEncoder, text: string): string {
  const event = { text, owner: 0, stream: 0, received_at: Date.UTC(2026, 0, 2, 3, 4, 6), peer: '10.20.0.7' }
  const batch = makeBatch({
    events: [event],
    escape: false,
    form: PayloadForm.bare,
    names: testNames,
    sequence: 1,
  })
  const out = new JsonBuffer(64)
  expect(encoder.encode(out, batch, 0)).toBe(true)
  return out.copyOut().toString()
}

const json = (encoder: EventEncoder): Record<string, unknown> =>
  JSON.parse(textOf(encoder, PLAIN)) as Record<string, unknown>

test('JSON says them where the names that were asked for have a place', () => {
  const own = json(encodedJson('own', deps, false, TAGS))
  expect(own).toEqual({ ...json(encodedJson('own', deps)), tags: TAGS })
  expect(json(encodedJson('own', deps, true, TAGS))).toMatchObject({
    tags: TAGS,
    '@timestamp': own['timestamp'],
  })
  expect(json(encodedJson('ecs', deps, true, TAGS))).toEqual({
    ...json(encodedJson('ecs', deps)),
    labels: TAGS,
  })
  const otel = json(encodedJson('otel', deps))
  const resource = otel['resource'] as object
  expect(json(encodedJson('otel', deps, false, TAGS))).toEqual({
    ...otel,
    resource: { ...resource, ...TAGS },
  })
  const cloud = new CloudEncoder(reader())
  expect(json(withTags(cloud, TAGS))).toEqual({ ...json(cloud), ...TAGS })
  expect(withTags(cloud, {})).toBe(cloud)
})

const ELEMENT = String.raw`[logweir@32473 env="pro\"d\]\\" service="firewall"]`

test.each([
  ['<13>1 2026-01-02T03:04:05Z h a p m - text', `<13>1 2026-01-02T03:04:05Z h a p m ${ELEMENT} text`],
  ['<13>1 2026-01-02T03:04:05Z h a p m -', `<13>1 2026-01-02T03:04:05Z h a p m ${ELEMENT}`],
  ['<13>1 2026-01-02T03:04:05Z - - - - - -', `<13>1 2026-01-02T03:04:05Z - - - - ${ELEMENT} -`],
  [
    '<13>1 2026-01-02T03:04:05Z h a p m - \ufefftext',
    `<13>1 2026-01-02T03:04:05Z h a p m ${ELEMENT} \ufefftext`,
  ],
  [
    '<13>1 2026-01-02T03:04:05Z h a p m [x@1 a="b"][y@1] text',
    `<13>1 2026-01-02T03:04:05Z h a p m [x@1 a="b"][y@1]${ELEMENT} text`,
  ],
  [
    '<13>1 2026-01-02T03:04:05Z h a p m [x@1 a="b"]',
    `<13>1 2026-01-02T03:04:05Z h a p m [x@1 a="b"]${ELEMENT}`,
  ],
  [PLAIN, `<13>1 2026-01-02T03:04:05Z esx01 app 7 - ${ELEMENT} text`],
])('RFC 5424 has them as structured data: %s', (line, expected) => {
  const found = textOf(new Rfc5424Encoder(reader(), TAGS), line)
  expect(found.replace('05.000Z', '05Z')).toBe(expected)
})

test('where there is no place for them, and names that are taken, are refused', () => {
  const { lines } = rulesOf(
    `version: 1
provider:
  forwarders:
    - { name: a, to: "udp://10.0.0.1", tags: { a: b } }
    - { name: b, to: "udp://10.0.0.1", format: rfc3164, tags: { a: b } }
    - { name: c, to: "udp://10.0.0.1", format: json, tags: { "No": b, "": c } }
    - { name: d, type: log-insight-cloud, to: "https://10.0.0.1/", token: { env: T }, tags: { text: b, env: c } }
`,
    { T: 't' },
  )
  expect(lines.filter((line) => line.includes('error'))).toMatchInlineSnapshot(`
    [
      "a.yaml:4:40: error: provider.forwarders[0].tags: format original has no place for tags | write \`format: rfc5424\` or \`json\`, or \`tags: {}\`",
      "a.yaml:5:57: error: provider.forwarders[1].tags: format rfc3164 has no place for tags | write \`format: rfc5424\` or \`json\`, or \`tags: {}\`",
      "a.yaml:6:75: error: provider.forwarders[2].tags[""]: Invalid key in record",
      "a.yaml:7:95: error: provider.forwarders[3].tags.text: log-insight-cloud has a field of that name already | choose another name",
    ]
  `)
})
