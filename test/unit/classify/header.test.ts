import { describe, expect, test } from 'vitest'
import { Classifier } from '../../../src/classify/classifier.ts'
import { scanHeader } from '../../../src/classify/header.ts'
import { EventFlag, HEADER_FORM_NAMES } from '../../../src/classify/view.ts'
import { viewOf } from '../../support/classify.ts'

/** `form pri version | time | host | app | proc | msgid | sd | message | flags`; absent is `-`. */
function scan(line: string): string {
  const view = viewOf(line)
  scanHeader(view)
  const part = (start: number, end: number): string =>
    start < 0 ? '-' : `'${view.buf.toString('utf8', start, end)}'`
  const flags = Object.entries(EventFlag).filter(([, bit]) => (view.flags & bit) !== 0)
  return [
    `${HEADER_FORM_NAMES[view.form]} ${view.pri} ${view.version}`,
    part(view.time_start, view.time_end),
    part(view.host_start, view.host_end),
    part(view.app_start, view.app_end),
    part(view.proc_start, view.proc_end),
    part(view.msgid_start, view.msgid_end),
    part(view.sd_start, view.sd_end),
    part(view.msg_start, view.end),
    flags.map(([name]) => name).join(' '),
  ].join(' | ')
}

describe('RFC 5424', () => {
  test.each([
    [
      '<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - x failed',
      "rfc5424 34 1 | '2003-10-11T22:14:15.003Z' | 'mymachine.example.com' | 'su' | - | 'ID47' | - | 'x failed' | complete_header",
    ],
    ['<0>1 - - - - - -', "rfc5424 0 1 | - | - | - | - | - | - | '' | "],
    [
      '<191>999 2003-10-11T22:14:15-07:00 h a p m [x][y a="\\"\\]\\\\" b=""]',
      `rfc5424 191 999 | '2003-10-11T22:14:15-07:00' | 'h' | 'a' | 'p' | 'm' | '[x][y a="\\"\\]\\\\" b=""]' | '' | complete_header`,
    ],
    [
      '<13>1 2003-10-11T22:14:15Z h a p m - \uFEFFtext',
      "rfc5424 13 1 | '2003-10-11T22:14:15Z' | 'h' | 'a' | 'p' | 'm' | - | 'text' | complete_header",
    ],
    [
      '<13>1 2003-10-11T22:14:15Z h a p m -  two blanks',
      "rfc5424 13 1 | '2003-10-11T22:14:15Z' | 'h' | 'a' | 'p' | 'm' | - | ' two blanks' | complete_header",
    ],
  ])('%s', (line, expected) => {
    expect(scan(line)).toBe(expected)
  })
})

test.each([
  ['<13>1 2026-02-03T04:05:06Z h a - - - \uFEFFtext', 'text'],
  ['<13>1 2026-02-03T04:05:06Z h a - - - \uFEFF\uFEFFtext', '\uFEFFtext'],
  ['<13>1 2026-02-03T04:05:06Z h a - -  \uFEFFtext', 'text'],
  ['<13>1 2026-02-03T04:05:06Z h a - - -  \uFEFFtext', ' \uFEFFtext'],
  ['<13>2026-02-03T04:05:06Z h a: \uFEFFtext', 'text'],
  ['<13>2026-02-03T04:05:06Z h a[1]: \uFEFF\uFEFFtext', '\uFEFFtext'],
  ['<13>Feb  3 04:05:06 h a: \uFEFFtext', 'text'],
  ['<13>Feb  3 04:05:06 h \uFEFFtext', 'text'],
  ['<13>\uFEFFtext', 'text'],
  ['\uFEFFtext', 'text'],
  ['\uFEFF', ''],
])('a byte order mark is no part of the message, a second one is: %j', (line, message) => {
  const view = viewOf(line)
  new Classifier([]).classify(view)
  expect(view.buf.toString('utf8', view.msg_start, view.end)).toBe(message)
})

test('a byte order mark before the PRI hides nothing', () => {
  const line = '<181>1 2026-02-03T04:05:06Z h a p m [x y="z"] text'
  expect(scan(`\uFEFF${line}`)).toBe(scan(line).replace('| complete_header', '| invalid complete_header'))
})

describe('tags', () => {
  const time = '<13>2026-02-03T04:05:06Z'
  test.each([
    [`${time} h prog: text`, "'h' | 'prog' | - | - | - | 'text' | complete_header"],
    [`${time} h prog[12]: text`, "'h' | 'prog' | '12' | - | - | 'text' | complete_header"],
    [`${time} h prog[]: text`, "'h' | 'prog' | '' | - | - | 'text' | complete_header"],
    [`${time} h prog[12]:text`, "'h' | 'prog' | '12' | - | - | 'text' | complete_header"],
    [`${time} h prog[12] text`, "'h' | 'prog' | '12' | - | - | 'text' | complete_header"],
    [`${time} h prog : text`, "'h' | 'prog' | - | - | - | 'text' | complete_header"],
    [`${time} h prog:  text`, "'h' | 'prog' | - | - | - | ' text' | complete_header"],
    [`${time} h prog:`, "'h' | 'prog' | - | - | - | '' | complete_header"],
    [`${time} h prog text: more`, "'h' | - | - | - | - | 'prog text: more' | complete_header"],
    [`${time} h a:b text`, "'h' | - | - | - | - | 'a:b text' | complete_header"],
    [`${time} prog: text`, "- | 'prog' | - | - | - | 'text' | invalid"],
    [`${time} 5c4d7b1e INET match`, "- | - | - | - | - | '5c4d7b1e INET match' | invalid"],
    [
      `${time} h ${'x'.repeat(200)}: text`,
      `'h' | - | - | - | - | '${'x'.repeat(200)}: text' | complete_header`,
    ],
  ])('%s', (line, expected) => {
    expect(scan(line).split(' | ').slice(2).join(' | ')).toBe(expected)
  })
})

describe('ESXi where it does not know the time', () => {
  test.each([
    ['<164>NoneZ host Hostd: text', "rfc3339 164 -1 | - | 'host' | 'Hostd' | - | - | - | 'text' | invalid"],
    ['<164>NoneZ host a 1 m - text', "rfc5424 164 -1 | - | 'host' | 'a' | '1' | 'm' | - | 'text' | invalid"],
    [
      '<164>NoneZed host Hostd: text',
      "none 164 -1 | - | - | - | - | - | - | 'NoneZed host Hostd: text' | invalid",
    ],
    ['<164>NoneZ', "none 164 -1 | - | - | - | - | - | - | 'NoneZ' | invalid"],
  ])('%s', (line, expected) => {
    expect(scan(line)).toBe(expected)
  })
})

describe('an octet count that framing left there', () => {
  const rest =
    "rfc5424 14 1 | '2026-02-03T04:05:06Z' | 'h' | 'a' | 'p' | 'm' | - | 'text' | invalid complete_header"
  test.each([
    ['41 <14>1 2026-02-03T04:05:06Z h a p m - text', rest],
    ['0000041 <14>1 2026-02-03T04:05:06Z h a p m - text', rest],
    ['12345678 <14>1 2026-02-03T04:05:06Z h a p m - text', null],
    ['41  <14>1 2026-02-03T04:05:06Z h a p m - text', null],
    ['41 <1x>1 2026-02-03T04:05:06Z h a p m - text', null],
    ['41 42 <14>1 2026-02-03T04:05:06Z h a p m - text', null],
    ['<13>41 <14>1 2026-02-03T04:05:06Z h a p m - text', null],
  ])('%s', (line, expected) => {
    const message = line.replace(/^<13>/, '')
    const pri = line === message ? -1 : 13
    expect(scan(line)).toBe(expected ?? `none ${pri} -1 | - | - | - | - | - | - | '${message}' | invalid`)
  })
})

describe('network devices', () => {
  const time = 'Mar 12 07:12:10'
  test.each([
    [`<189>${time}: %SYS-5-X: text`, `'${time}' | - | - | - | - | - | '%SYS-5-X: text' | invalid`],
    [
      `<189>643: *${time}.295: %SYS-5-X: text`,
      `'${time}.295' | - | - | - | '643' | - | '%SYS-5-X: text' | invalid`,
    ],
    [
      `<189>105: 000104: ${time}: %X: text`,
      `'${time}' | - | - | - | '105: 000104' | - | '%X: text' | invalid`,
    ],
    [
      `<189>7: sw-1: .${time}: %X: text`,
      `'${time}' | 'sw-1' | - | - | '7' | - | '%X: text' | invalid complete_header`,
    ],
    [
      `<189>7: ${time} sw-1 prog[1]: text`,
      `'${time}' | 'sw-1' | 'prog' | '1' | '7' | - | 'text' | invalid complete_header`,
    ],
    [`<189>: ${time}: text: more`, `'${time}' | - | 'text' | - | - | - | 'more' | invalid`],
    [
      `<189>:2026 ${time} sw-1 %X: text`,
      `'2026 ${time}' | 'sw-1' | - | - | - | - | '%X: text' | invalid complete_header`,
    ],
    [`2026 ${time} sw-1 %X: text`, `'2026 ${time}' | 'sw-1' | - | - | - | - | '%X: text' | invalid`],
    [
      `<189>Mar 12 2026 07:12:10 sw-1 : %X: text`,
      `'Mar 12 2026 07:12:10' | 'sw-1' | - | - | - | - | ': %X: text' | invalid complete_header`,
    ],
    [
      `<190>2026-02-03T04:05:06Z: %X: text`,
      `'2026-02-03T04:05:06Z' | - | - | - | - | - | '%X: text' | invalid`,
    ],
    [
      `<190>:2026-02-03T04:05:06Z: %X: text`,
      `'2026-02-03T04:05:06Z' | - | - | - | - | - | '%X: text' | invalid`,
    ],
    [
      `<190>2026-02-03T04:05:06Z %X: text`,
      `'2026-02-03T04:05:06Z' | - | - | - | - | - | '%X: text' | invalid`,
    ],
    [`2026-02-03T04:05:06Z: text`, `- | - | - | - | - | - | '2026-02-03T04:05:06Z: text' | invalid`],
    [
      `<189>7: sw-1: ${time} other text`,
      `'${time}' | 'sw-1' | - | - | '7' | - | 'other text' | invalid complete_header`,
    ],
    // Not theirs: no time behind the words.
    ['<189>643: something: else', `- | - | - | - | - | - | '643: something: else' | invalid`],
    [`<189>a: b: ${time}: text`, `- | - | - | - | - | - | 'a: b: ${time}: text' | invalid`],
  ])('%s', (line, expected) => {
    expect(scan(line).split(' | ').slice(1).join(' | ')).toBe(expected)
  })
})

describe('where the host should stand', () => {
  const time = '<13>Feb  3 04:05:06'
  test.each([
    [`${time} - prog: text`, "- | 'prog' | - | - | - | 'text' | invalid"],
    [
      `${time} --- last message repeated ---`,
      "- | - | - | - | - | '--- last message repeated ---' | invalid",
    ],
    [`${time} Class::method, Owner: text`, "- | - | - | - | - | 'Class::method, Owner: text' | invalid"],
    [`${time} : text`, "- | - | - | - | - | 'text' | invalid"],
    [`${time} h  prog[1]: text`, "'h' | 'prog' | '1' | - | - | 'text' | invalid complete_header"],
    [`${time} h  some text`, "'h' | - | - | - | - | ' some text' | complete_header"],
    [`${time} h {"key": 1}`, `'h' | - | - | - | - | '{"key": 1}' | complete_header`],
    [`${time} h prog:[x y] text`, "'h' | 'prog' | - | - | - | '[x y] text' | complete_header"],
    ['<13> text', "- | - | - | - | - | ' text' | invalid"],
  ])('%s', (line, expected) => {
    expect(scan(line).split(' | ').slice(2).join(' | ')).toBe(expected)
  })
})

test.each([
  '<13>Feb  3 04:05:06 relay Feb  3 04:05:05 h prog: text',
  '<13>Feb  3 04:05:06 relay <14>Feb  3 04:05:05 h prog: text',
  '<13>Feb  3 04:05:06 relay 1 2026-02-03T04:05:06Z h a p m - text',
  '<13>2026-02-03T04:05:06Z relay 2026-02-03T04:05:05Z h prog: text',
  '<13>2026-02-03T04:05:06Z relay <14>1 2026-02-03T04:05:05Z h a p m - text',
])("a relay's header is the header, what it wraps is the message, and that is not valid: %s", (line) => {
  const view = viewOf(line)
  scanHeader(view)
  expect(view.buf.toString('latin1', view.host_start, view.host_end)).toBe('relay')
  expect(view.buf.toString('latin1', view.msg_start, view.end)).toBe(line.slice(line.indexOf('relay') + 6))
  expect(view.flags & EventFlag.invalid).not.toBe(0)
  expect(view.app_start).toBe(-1)
})

test('the flags of framing stay, those of the event before go', () => {
  const view = viewOf('<13>2026-02-03T04:05:06Z h prog: text')
  view.flags = EventFlag.truncated | EventFlag.control | EventFlag.invalid | EventFlag.cut_by_sender
  scanHeader(view)
  expect(view.flags).toBe(EventFlag.truncated | EventFlag.control | EventFlag.complete_header)
})

/** Whether the sender says that it cut the event. */
function cut(line: string): boolean {
  const view = viewOf(line)
  scanHeader(view)
  return (view.flags & EventFlag.cut_by_sender) !== 0
}

test('msgModified is seen in structured data and in bracket text at the start, nowhere else', () => {
  expect(cut('<13>1 2026-02-03T04:05:06Z h a - - [vmsyslogd@6876 msgModified="true"] text')).toBe(true)
  expect(cut('<13>2026-02-03T04:05:06Z h a[1]: [vmsyslogd@6876 msgModified=true] text')).toBe(true)
  expect(cut('<13>2026-02-03T04:05:06Z h a[1]: text [vmsyslogd@6876 msgModified=true] text')).toBe(false)
  expect(cut('<13>2026-02-03T04:05:06Z h a[1]: [x y=1] msgModified')).toBe(false)
  expect(cut('<13>1 2026-02-03T04:05:06Z h a - - [x y="msgModified"] text')).toBe(false)
})
