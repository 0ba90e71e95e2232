/** The two ways to JSON give one result, and the BSD oracle agrees where it can. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import syslogParse from 'syslog-parse'
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

test('BSD headers: every field that syslog-parse reads is the same here', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,14}$/)
  const header = fc.record({
    pri: fc.nat(191),
    month: fc.constantFrom(
      'Jan',
      'Feb',
      'Mar',
      'Apr',
      'May',
      'Jun',
      'Jul',
      'Aug',
      'Sep',
      'Oct',
      'Nov',
      'Dec',
    ),
    day: fc.integer({ min: 1, max: 28 }).map((day) => String(day).padStart(2)),
    time: fc
      .tuple(fc.nat(23), fc.nat(59), fc.nat(59))
      .map((hms) => hms.map((n) => String(n).padStart(2, '0')).join(':')),
    host: word,
    program: word,
    pid: fc.option(fc.integer({ min: 1, max: 99_999 })),
    body: fc.stringMatching(/^[A-Za-z0-9][ -~]{0,60}$/).map((text) => `${text.trim()}.`),
  })
  fc.assert(
    fc.property(header, ({ pri, month, day, time, host, program, pid, body }) => {
      const line = `<${pri}>${month} ${day} ${time} ${host} ${program}${pid === null ? '' : `[${pid}]`}: ${body}`
      const theirs = syslogParse(line)
      const ours = reader.json(line)
      expect(theirs).toBeDefined()
      expect(ours.valid).toBe(true)
      expect({
        facility: ours.facility,
        severity: ours.severity,
        host: ours.hostname,
        program: ours.app_name,
        pid: ours.proc_id === null ? undefined : Number(ours.proc_id),
        message: ours.message,
      }).toEqual({
        facility: theirs?.facilityCode,
        severity: theirs?.severityCode,
        host: theirs?.host,
        program: theirs?.process,
        pid: theirs?.pid,
        message: theirs?.message,
      })
      // Its time is the wall clock's year; only what the header says can be compared.
      expect(ours.timestamp).toContain(`T${time}.000Z`)
    }),
    { numRuns: 500 },
  )
})
