import { describe, expect, test } from 'vitest'
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
