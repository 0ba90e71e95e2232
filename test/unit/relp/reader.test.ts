/** Are RELP frames read as librelp writes them, and is everything else ended? */
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { FrameFlag } from '../../../src/framing/frames.ts'
import {
  answerOffers,
  nextTxnr,
  openObjection,
  RelpCommand,
  relpFrame,
  TXNR_MAX,
  writeAnswer,
} from '../../../src/relp/frames.ts'
import { trimmed } from '../../../src/relp/reader.ts'
import { frame, readRelp } from '../../support/relp.ts'

const read = (text: string, data_max?: number) => readRelp([Buffer.from(text, 'latin1')], data_max)

test('a session as the protocol’s document shows it', () => {
  const { frames, fault, unfinished } = read(
    '1 open 55 relp_version=0\nrelp_software=router,1.0\ncommands=syslog\n' +
      '2 syslog 40 <134>1 2026-01-02T03:04:05Z h a - - - hi\n3 close 0\n0 serverclose 0\n',
  )
  expect(fault).toBeNull()
  expect(unfinished).toBe(false)
  expect(frames).toEqual([
    {
      txnr: 1,
      command: RelpCommand.open,
      data: 'relp_version=0\nrelp_software=router,1.0\ncommands=syslog',
      flags: FrameFlag.control,
    },
    { txnr: 2, command: RelpCommand.syslog, data: '<134>1 2026-01-02T03:04:05Z h a - - - hi', flags: 0 },
    { txnr: 3, command: RelpCommand.close, data: '', flags: 0 },
    { txnr: 0, command: RelpCommand.serverclose, data: '', flags: 0 },
  ])
})

test.each([
  ['a line break inside', 'a\nb', FrameFlag.control],
  ['one at the end', 'ab\n', 0],
  ['CR LF at the end', 'ab\r\n', 0],
  ['two at the end', 'ab\n\n', FrameFlag.control],
  ['NUL inside', 'a\0b', FrameFlag.control],
  ['only a line break', '\n', 0],
])('%s', (_, data, flags) => {
  const whole = frame(7, 'syslog', data)
  for (const chunks of [[whole], whole.split('')]) {
    const { frames, fault } = readRelp(chunks.map((chunk) => Buffer.from(chunk, 'latin1')))
    expect(fault).toBeNull()
    expect(frames).toEqual([{ txnr: 7, command: RelpCommand.syslog, data, flags }])
  }
})

test.each([
  ['no number', ' syslog 1 a\n'],
  ['letters for a number', 'x syslog 1 a\n'],
  ['a sign', '+1 syslog 1 a\n'],
  ['ten digits of number', '1234567890 syslog 1 a\n'],
  ['no command', '1  1 a\n'],
  ['a command with a digit', '1 sys1og 1 a\n'],
  ['a command of 33 letters', `1 ${'a'.repeat(33)} 1 a\n`],
  ['no length', '1 syslog  a\n'],
  ['a length of letters', '1 syslog x a\n'],
  ['a negative length', '1 syslog -1 a\n'],
  ['ten digits of length', '1 syslog 1000000000 a\n'],
  ['a length beyond all events', '1 syslog 10000000 a\n'],
  ['a length and no data', '1 syslog 5\n'],
  ['data shorter than announced', '1 syslog 5 abc\n2 syslog 3 abc\n'],
  ['data longer than announced', '1 syslog 2 abc\n'],
  ['a line break between frames', '1 syslog 1 a\n\n2 syslog 1 a\n'],
  ['plain syslog', '<134>1 2026-01-02T03:04:05Z h a - - - hi\n'],
  ['an octet count', '40 <134>1 2026-01-02T03:04:05Z h a - - - hi'],
])('%s ends the connection, whole or byte by byte', (_, text) => {
  expect(read(text).fault).toBe('relp_framing')
  expect(readRelp([...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte))).fault).toBe('relp_framing')
})

test('TLS on a plain port is named; inside a frame the byte is an error like others', () => {
  expect(read('\x16\x03\x01').fault).toBe('tls_on_plain')
  expect(read('1\x16').fault).toBe('relp_framing')
})

test('data beyond the limit is skipped and flagged, and the next frame is intact', () => {
  const text = frame(1, 'syslog', 'x'.repeat(5000)) + frame(2, 'syslog', 'next')
  for (const size of [1, 100, 100_000]) {
    const bytes = Buffer.from(text)
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, (n + 1) * size),
    )
    const { frames, fault } = readRelp(chunks, 1000)
    expect(fault).toBeNull()
    expect(frames.map(({ data, flags }) => [data.length, flags])).toEqual([
      [1000, FrameFlag.truncated],
      [4, 0],
    ])
  }
})

test('an announced length costs no memory (R34)', () => {
  const { held, unfinished } = read('1 syslog 9999999 abc')
  expect(unfinished).toBe(true)
  expect(held).toBeLessThanOrEqual(1024)
})

test('the ends of numbers', () => {
  expect(nextTxnr(1)).toBe(2)
  expect(nextTxnr(TXNR_MAX)).toBe(1)
  const target = Buffer.alloc(100)
  for (const txnr of [1, 9, 10, 99, 100, 12_345, TXNR_MAX]) {
    expect(target.toString('latin1', 0, writeAnswer(target, 0, txnr))).toBe(frame(txnr, 'rsp', '200 OK'))
    expect(target.toString('latin1', 0, writeAnswer(target, 0, -txnr))).toBe(
      frame(txnr, 'rsp', '500 command not supported'),
    )
  }
})

test.each([
  ['relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog', '0'],
  ['relp_version=1\ncommands=syslog', '1'],
  ['relp_version=7\ncommands=eventlog,syslog', '1'],
  ['relp_version=0', '0'],
])('offers %j are answered with version %s', (offers, version) => {
  const { accepted, data } = answerOffers(offers)
  expect(accepted).toBe(true)
  expect(data).toMatch(new RegExp(`^200 OK\nrelp_version=${version}\nrelp_software=[^\n]+\ncommands=syslog$`))
  expect(openObjection(data)).toBeNull()
})

test.each(['', 'commands=syslog', 'relp_version=x\ncommands=syslog', 'relp_version=0\ncommands=eventlog'])(
  'offers %j are refused with 500',
  (offers) => {
    const { accepted, data } = answerOffers(offers)
    expect(accepted).toBe(false)
    expect(data).toMatch(/^500 /)
    expect(openObjection(data)).toMatch(/refused the session/)
  },
)

test.each([
  ['200 OK', /names no relp_version/],
  ['200 OK\nrelp_version=0\ncommands=eventlog', /does not take the command syslog/],
  ['500 \x1b[31mgo away\nx', /refused the session: 500 \?\[31mgo away$/],
  ['', /refused the session/],
])('an answer %j to `open` cannot be worked with', (answer, expected) => {
  expect(openObjection(answer)).toMatch(expected)
})

test('frames that are written have their length in bytes', () => {
  expect(relpFrame(3, 'rsp', 'é').toString()).toBe('3 rsp 2 é\n')
  expect(relpFrame(3, 'rsp', '').toString()).toBe('3 rsp 0\n')
})

test('what is trimmed is one line end or NUL', () => {
  const of = (text: string): string => {
    const bytes = Buffer.from(text, 'latin1')
    return bytes.toString('latin1', 0, trimmed(bytes, 0, bytes.length))
  }
  expect(['a\n', 'a\r\n', 'a\0', 'a\n\n', 'a\r', '\n', ''].map(of)).toEqual([
    'a',
    'a',
    'a',
    'a\n',
    'a\r',
    '',
    '',
  ])
})
