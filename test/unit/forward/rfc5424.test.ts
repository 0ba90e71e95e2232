/** Does a header that is written anew say what the old one said, and leave the message as it is? */
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../../src/base/json-buffer.ts'
import { EventReader } from '../../../src/forward/encode/event-reader.ts'
import { Rfc5424Encoder } from '../../../src/forward/encode/rfc5424.ts'
import { PayloadForm } from '../../../src/queue/batch-format.ts'
import { makeBatch } from '../../support/batches.ts'

const received_at = Date.parse('2026-02-03T12:00:00.000Z')

function encoded(text: string): string {
  const events = [{ text: Buffer.from(text), owner: 0, stream: 0, received_at, peer: '10.20.0.7' }]
  const out = new JsonBuffer(64)
  const encoder = new Rfc5424Encoder(new EventReader(() => []))
  expect(encoder.encode(out, makeBatch({ events, escape: false, form: PayloadForm.bare }), 0)).toBe(true)
  return out.copyOut().toString('utf8')
}

test.each([
  [
    'a BOM stays where it says how the message is encoded',
    '1 - h a - - - \uFEFFtéxt',
    '<13>1 2026-02-03T12:00:00.000Z h a - - - \uFEFFtéxt',
  ],
  [
    'a number of a switch becomes the MSGID',
    '<189>643: *Feb  3 11:59:58.295: %SYS-5-X: text',
    '<189>1 2026-02-03T11:59:58.295Z 10.20.0.7 - - 643 - %SYS-5-X: text',
  ],
  [
    'the relay is the host, its inner header text',
    '<13>Feb  3 11:59:58 relay <14>1 - h a - - - text',
    '<13>1 2026-02-03T11:59:58.000Z relay - - - - <14>1 - h a - - - text',
  ],
  [
    'a nil host is the peer',
    '<13>Feb  3 11:59:58 - su: text',
    '<13>1 2026-02-03T11:59:58.000Z 10.20.0.7 su - - - text',
  ],
  ['a sound header passes as it is', '<13>1 - - - - - - \uFEFFtext', '<13>1 - - - - - - \uFEFFtext'],
])('%s', (_, text, expected) => {
  expect(encoded(text)).toBe(expected)
})
