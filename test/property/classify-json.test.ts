/** The two ways to JSON give one result. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonBuffer } from '../../src/base/json-buffer.ts'
import { eventObject } from '../../src/classify/event-json.ts'
import { writeEventJson } from '../../src/classify/event-json-writer.ts'
import { linesOf, Reader } from '../support/classify.ts'

const reader = new Reader()
const FIXTURES = join(import.meta.dirname, '../../fixtures')
const lines = readdirSync(FIXTURES)
  .filter((name) => name.endsWith('.log'))
  .flatMap((name) => linesOf(readFileSync(join(FIXTURES, name))))

test('bytes and object are the same JSON for changed lines and noise', () => {
  const target = new JsonBuffer(64)
  const noise = fc.uint8Array({ maxLength: 80 })
  const changed = fc.tuple(fc.constantFrom(...lines), fc.nat(), noise).map(([line, at, put]) => {
    const p = at % (line.length + 1)
    return Buffer.concat([line.subarray(0, p), put, line.subarray(p)])
  })
  const sd = fc
    .array(
      fc.tuple(
        fc.constantFrom('a', '1', '__proto__', 'b@1'),
        fc.constantFrom('x', '2', 'constructor'),
        fc.string(),
      ),
    )
    .map((elements) =>
      elements.map(
        ([id, name, value]) => `[${id} ${name}="${value.replaceAll(/[\\"\]]/g, '\\$&')}" x="1" x="2"]`,
      ),
    )
    .map((data) => Buffer.from(`<13>1 2026-02-03T04:05:06Z h a p m ${data.join('') || '-'} text`))
  fc.assert(
    fc.property(
      fc.oneof(
        changed,
        sd,
        noise.map((bytes) => Buffer.from(bytes)),
      ),
      (line) => {
        const view = reader.read(line)
        target.clear()
        writeEventJson(view, 'some "stream"', target, {})
        const written = target.written().toString()
        const object = eventObject(view, 'some "stream"')
        expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(object)))
      },
    ),
    { numRuns: 2000 },
  )
})

test('an hour that a zone shows twice or never is marked in both ways to JSON', () => {
  const target = new JsonBuffer(64)
  const context = { zone: 'Europe/Berlin' }
  const notes = ['2026-03-29', '2026-10-25'].flatMap((day) =>
    ['01', '02', '03'].map((hour) => {
      const view = reader.read(`<13>${day}T${hour}:30:00 host prog: text`)
      const object = eventObject(view, 'other', context)
      target.clear()
      writeEventJson(view, 'other', target, context)
      expect(target.written().toString()).toBe(JSON.stringify(object))
      return object.timestamp_note ?? 'once'
    }),
  )
  expect(notes).toEqual(['once', 'skipped_hour', 'once', 'once', 'repeated_hour', 'once'])
})
