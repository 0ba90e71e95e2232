/**
 * The BSD oracle: whatever syslog-parse reads in a header, Logweir reads the same, but for that package's known faults. Each of
 * them stands here with a line that shows it, so that a version without it is noticed; headers that no fault touches must agree.
 */
import fc from 'fast-check'
import syslogParse from 'syslog-parse'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { eventObject } from '../../src/classify/event-json.ts'
import { scanHeader } from '../../src/classify/header.ts'
import { viewOf } from '../support/classify.ts'

interface Fields {
  readonly facility: number | null
  readonly severity: number | null
  readonly host: string | null
  readonly program: string | null
  readonly pid: string | null
  readonly message: string
}

function ours(line: string): Fields {
  const view = viewOf(line)
  scanHeader(view)
  const { facility, severity, hostname, app_name, proc_id, message } = eventObject(view, 'other')
  return { facility, severity, host: hostname, program: app_name, pid: proc_id, message }
}

/** Nothing where it reads no header. */
function theirs(line: string): Fields | undefined {
  const read = syslogParse(line)
  if (read === undefined) return undefined
  return {
    facility: read.facilityCode,
    severity: read.severityCode,
    host: read.host === '' ? null : read.host,
    program: read.process,
    pid: read.pid === undefined ? null : String(read.pid),
    message: read.message,
  }
}

const T = 'Feb  3 04:05:06'
const read = { facility: 1, severity: 5, host: 'h', program: 'p', pid: '7', message: 'text' }

/** Its known faults: what it says, and what is there. Only what differs is written down. */
const FAULTS: readonly (readonly [
  what: string,
  line: string,
  said: Partial<Fields> | undefined,
  there: Partial<Fields>,
])[] = [
  [
    'a header is found anywhere in a text',
    `<13>1 - - - - - - ${T} h p[7]: text`,
    { facility: 0, severity: 0 },
    { host: null, program: null, pid: null, message: `${T} h p[7]: text` },
  ],
  [
    'without a PRI it is kern.emerg',
    `${T} h p[7]: text`,
    { facility: 0, severity: 0 },
    { facility: null, severity: null },
  ],
  [
    'a PRI above 191 has a facility',
    `<999>${T} h p[7]: text`,
    { facility: 124, severity: 7 },
    { facility: null, severity: null },
  ],
  ['a process that is no number is lost', `<13>${T} h p[a-1]: text`, { pid: null }, { pid: 'a-1' }],
  ['process 0 is lost', `<13>${T} h p[0]: text`, { pid: null }, { pid: '0' }],
  ['leading zeros of a process are lost', `<13>${T} h p[007]: text`, {}, { pid: '007' }],
  ['an empty process hides the header', `<13>${T} h p[]: text`, undefined, { pid: '' }],
  ['blanks at both ends of a message are lost', `<13>${T} h p[7]:   text  `, {}, { message: '  text  ' }],
  ['a message ends at a line end', `<13>${T} h p[7]: text\nmore`, {}, { message: 'text\nmore' }],
  ['without a message there is no header', `<13>${T} h p[7]:`, undefined, { message: '' }],
  [
    'a host that is an IPv6 address is a program',
    `<13>${T} fe80::1 p[7]: text`,
    { host: null, program: 'fe80', pid: null, message: ':1 p[7]: text' },
    { host: 'fe80::1' },
  ],
  [
    'a program with other characters hides the header',
    `<13>${T} h p@x[7]: text`,
    undefined,
    { program: 'p@x' },
  ],
  ['a fraction hides the header', `<13>${T}.5 h p[7]: text`, undefined, {}],
  ['a year hides the header', `<13>Feb  3 2026 04:05:06 h p[7]: text`, undefined, {}],
  ['a time that does not exist is a time', `<13>Feb 99 99:99:99 h p[7]: text`, {}, {}],
  [
    'a word behind the host without a colon is lost with the host',
    `<13>${T} h word p[7]: text`,
    undefined,
    { program: null, pid: null, message: 'word p[7]: text' },
  ],
]

describe('known faults of syslog-parse', () => {
  test.each(FAULTS)('%s: %s', (_, line, said, there) => {
    expect(theirs(line)).toEqual(said === undefined ? undefined : { ...read, ...said })
    expect(ours(line)).toEqual({ ...read, ...there })
  })
})

describe('its times are set on the wall clock’s date, in the machine’s zone', () => {
  afterEach(() => void vi.useRealTimers())

  test.each([
    [
      '31 February is in March',
      '2026-01-31T12:00:00Z',
      'Feb 11 22:14:15',
      [2026, 2],
      '2026-02-11T22:14:15.000Z',
    ],
    [
      'December is a year ahead',
      '2026-01-01T12:00:00Z',
      'Dec 31 23:59:59',
      [2026, 11],
      '2025-12-31T23:59:59.000Z',
    ],
    [
      'a month in capitals is December',
      '2026-02-04T12:00:00Z',
      'FEB  3 04:05:06',
      [2025, 11],
      '2026-02-03T04:05:06.000Z',
    ],
  ] as const)('%s', (_, now, time, said, there) => {
    vi.useFakeTimers({ now: Date.parse(now), toFake: ['Date'] })
    const line = `<13>${time} h p: text`
    const wrong = syslogParse(line)?.time
    expect([wrong?.getFullYear(), wrong?.getMonth()]).toEqual(said)
    const view = viewOf(line, Date.parse(now))
    scanHeader(view)
    expect(eventObject(view, 'other').timestamp).toBe(there)
  })
})

const word = (unit: string, most: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(unit)), minLength: 1, maxLength: most })
const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const header = fc.record({
  pri: fc.nat(191),
  month: fc.constantFrom(...months),
  day: fc.integer({ min: 1, max: 28 }),
  padded: fc.constantFrom(' ', '0'),
  clock: fc.tuple(fc.nat(23), fc.nat(59), fc.nat(59)),
  // A `-` alone is the NILVALUE here, and a word of hyphens no host.
  host: fc.option(word(`${LETTERS}_.-`, 20).map((name) => `h${name}`)),
  program: word(`${LETTERS}_-/().`, 20).map((name) => `p${name}`),
  pid: fc.option(fc.integer({ min: 1, max: 4_000_000 })),
  glue: fc.constantFrom(' ', '', '  '),
  body: fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => `.${text}.`),
})

test('headers that no fault touches: every field is the same, and so is the time', () => {
  fc.assert(
    fc.property(header, ({ pri, month, day, padded, clock, host, program, pid, glue, body }) => {
      const hms = clock.map((n) => String(n).padStart(2, '0')).join(':')
      const start = `${month} ${String(day).padStart(2, padded)} ${hms}${host === null ? '' : ` ${host}`}`
      // Here a colon ends a tag before a blank, and without one only behind a host and a process.
      const tag = pid === null ? `${program}: ` : `${program}[${pid}]:${glue}`
      const line = `<${pri}>${start} ${tag}${body}`
      fc.pre(host !== null || glue !== '')
      // Faults: the message ends at a line end, and blanks at its ends are lost.
      fc.pre(!/[\n\r\u2028\u2029]/.test(body))
      const said = theirs(line)
      const there = ours(line)
      expect({ ...there, message: there.message.trim() }).toEqual(said)
      expect(there.message).toBe(`${pid !== null && glue === '  ' ? ' ' : ''}${body}`)
      const time = syslogParse(line)?.time
      expect(time).toBeDefined()
      const view = viewOf(line)
      scanHeader(view)
      // Its time is the machine's zone and the wall clock's year.
      const { timestamp } = eventObject(view, 'other')
      expect(timestamp?.slice(5, 19)).toBe(
        `${String(months.indexOf(month) + 1).padStart(2, '0')}-${String(day).padStart(2, '0')}T${hms}`,
      )
    }),
    { numRuns: 2000 },
  )
})
