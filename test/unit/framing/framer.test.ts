import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { EventFlag } from '../../../src/classify/view.ts'
import { FrameFlag } from '../../../src/framing/frames.ts'
import { bytewise, frameAll, framerFor } from '../../support/framing.ts'

const { truncated, control } = FrameFlag

test("the flags are the event's", () => {
  expect(FrameFlag).toEqual({ truncated: EventFlag.truncated, control: EventFlag.control })
})

describe('lines', () => {
  test.each([
    ['LF', '<1>a\n<2>b\n', ['<1>a', '<2>b'], [0, 0]],
    ['CR LF', '<1>a\r\n<2>b\r\n', ['<1>a', '<2>b'], [0, 0]],
    ['one CR of two', '<1>a\r\r\n', ['<1>a\r'], [control]],
    ['a CR inside', '<1>a\rb\n<2>c\n', ['<1>a\rb', '<2>c'], [control, 0]],
    ['NUL', '<1>a\0<2>b\0', ['<1>a', '<2>b'], [0, 0]],
    ['a CR before NUL stays', '<1>a\r\0', ['<1>a\r'], [control]],
    ['strays between frames', '\n\r\n\0 <1>a\n\n<2>b\n', ['<1>a', '<2>b'], [0, 0]],
    ['no PRI', 'hello\n', ['hello'], [0]],
    ['a remainder at the end', '<1>a\n<2>b', ['<1>a', '<2>b'], [0, truncated]],
    ['a remainder with CR', '<2>b\r', ['<2>b'], [truncated]],
  ])('auto: %s', (_name, input, frames, flags) => {
    const out = frameAll([input])
    expect(out).toMatchObject({ frames, flags, faults: [] })
    expect(frameAll(bytewise(Buffer.from(input, 'latin1')))).toEqual(out)
  })

  test.each([
    ['counts are text', '5 <1>ab\n', ['5 <1>ab'], [0]],
    ['NUL is content', '<1>a\0b\n', ['<1>a\0b'], [control]],
    ['blanks are kept', '  a\n', ['  a'], [0]],
    ['empty lines are no frames', '\n\r\n<1>a\n\n', ['<1>a'], [0]],
  ])('newline: %s', (_name, input, frames, flags) => {
    const out = frameAll([input], { framing: 'newline' })
    expect(out).toMatchObject({ frames, flags, faults: [] })
    expect(frameAll(bytewise(Buffer.from(input, 'latin1')), { framing: 'newline' })).toEqual(out)
  })
})

describe('counted frames', () => {
  test.each([
    ['two', '5 <1>ab6 <2>abc', ['<1>ab', '<2>abc'], [0, 0]],
    ['the final LF is not content', '6 <1>ab\n5 <2>cd', ['<1>ab', '<2>cd'], [0, 0]],
    ['LF after the count', '5 <1>ab\n5 <2>cd\n', ['<1>ab', '<2>cd'], [0, 0]],
    ['LF inside', '7 <1>a\nbc5 <2>de', ['<1>a\nbc', '<2>de'], [control, 0]],
    ['NUL inside', '6 <1>a\0b', ['<1>a\0b'], [control]],
    ['a PRI of -1', '6 <-1>ab', ['<-1>ab'], [0]],
    ['a line after a count', '5 <1>ab<2>line\nanother\n', ['<1>ab', '<2>line', 'another'], [0, 0, 0]],
    ['cut by the end', '9 <1>ab', ['<1>ab'], [truncated]],
  ])('%s', (_name, input, frames, flags) => {
    const out = frameAll([input])
    expect(out).toMatchObject({ frames, flags, faults: [] })
    expect(frameAll(bytewise(Buffer.from(input, 'latin1')))).toEqual(out)
  })

  test('leading zeros are believed before a PRI, and counted', () => {
    expect(frameAll(['000000005 <1>ab5 <2>cd'])).toMatchObject({
      frames: ['<1>ab', '<2>cd'],
      leading_zeros: 1,
    })
    expect(frameAll(['05 ab\n'])).toMatchObject({ frames: ['05 ab'], leading_zeros: 0 })
  })
})

describe('counts that lie (R36)', () => {
  test.each([
    ['zero', '0 <1>ab\n', ['0 <1>ab']],
    ['shorter than its PRI', '3 <34>ab\n', ['3 <34>ab']],
    ['plus', '+5 <1>ab\n', ['+5 <1>ab']],
    ['hexadecimal', '0x5 <1>ab\n', ['0x5 <1>ab']],
    ['eight digits', '12345678 <1>ab\n', ['12345678 <1>ab']],
    ['twenty digits', '99999999999999999999 <1>ab\n', ['99999999999999999999 <1>ab']],
    ['many zeros', '00000000005 <1>ab\n', ['00000000005 <1>ab']],
    ['two spaces', '5  <1>ab\n', ['5  <1>ab']],
    ['no space', '5<1>ab\n', ['5<1>ab']],
    ['no PRI (R37)', '54 <1 minute\n', ['54 <1 minute']],
    ['four digits of PRI', '9 <1234>ab\n', ['9 <1234>ab']],
  ])('%s: a line in auto, nothing in octet-counting or after a counted frame', (_name, input, frames) => {
    expect(frameAll([input])).toMatchObject({ frames, flags: [0], faults: [] })
    const strict = { frames: [], faults: ['desynchronised'] }
    expect(frameAll([input], { framing: 'octet-counting' })).toMatchObject(strict)
    expect(frameAll([`5 <7>zz${input}`])).toMatchObject({ frames: ['<7>zz'], faults: ['desynchronised'] })
    expect(frameAll(bytewise(Buffer.from(`5 <7>zz${input}`)))).toMatchObject({ faults: ['desynchronised'] })
  })

  test('too short: nothing of the rest is a frame', () => {
    expect(frameAll(['5 <1>abcdef 5 <2>xx\n<3>yy\n'])).toMatchObject({
      frames: ['<1>ab'],
      faults: ['desynchronised'],
    })
  })

  test('too long: swallows, then stops', () => {
    const out = frameAll(['9 <1>ab\n5 <2>cd5 <3>ef'])
    expect(out).toMatchObject({ frames: ['<1>ab\n5 <'], flags: [control], faults: ['desynchronised'] })
  })

  test('the end inside a count', () => {
    expect(frameAll(['47 <3'])).toMatchObject({ frames: ['47 <3'], flags: [truncated] })
    const strict = frameAll(['47 <3'], { framing: 'octet-counting' })
    expect(strict).toMatchObject({ frames: [], faults: ['desynchronised'] })
  })

  test('nothing is taken after a fault', () => {
    const out = frameAll(['5 <1>ab', '!', '<2>c\n'])
    expect(out).toMatchObject({ frames: ['<1>ab'], faults: ['desynchronised'] })
  })
})

describe('too long (R35)', () => {
  const max = 16
  const exact = `<1>${'x'.repeat(13)}`

  test.each([
    ['exactly the limit', `${exact}\n<2>b\n`, [exact, '<2>b'], [0, 0]],
    ['the limit and CR LF', `${exact}\r\n<2>b\n`, [exact, '<2>b'], [0, 0]],
    ['one more', `${exact}y\n<2>b\n`, [exact, '<2>b'], [truncated, 0]],
    ['one more and CR LF', `${exact}y\r\n<2>b\n`, [exact, '<2>b'], [truncated, 0]],
    ['a CR that no LF follows', `${exact}\ry\n<2>b\n`, [exact, '<2>b'], [truncated, 0]],
    ['the rest is no frame', `${exact}yyy<9>z 5 <9>ab\n<2>b\n`, [exact, '<2>b'], [truncated, 0]],
    ['counted, exactly', `16 ${exact}5 <2>ab`, [exact, '<2>ab'], [0, 0]],
    ['counted, the limit and LF', `17 ${exact}\n5 <2>ab`, [exact, '<2>ab'], [0, 0]],
    ['counted, one more', `17 ${exact}y5 <2>ab`, [exact, '<2>ab'], [truncated, 0]],
    ['counted, a hostile rest', `26 ${exact}\n5 <9>ab\n<5 <2>ab`, [exact, '<2>ab'], [truncated, 0]],
  ])('%s', (_name, input, frames, flags) => {
    const out = frameAll([input], { frame_max: max })
    expect(out).toMatchObject({ frames, flags, faults: [] })
    expect(frameAll(bytewise(Buffer.from(input)), { frame_max: max })).toEqual(out)
  })
})

describe('TLS on a plain port (R47)', () => {
  const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])

  test.each(['auto', 'octet-counting', 'newline'] as const)('%s', (framing) => {
    const wanted = { frames: [], faults: ['tls_on_plain'] }
    expect(frameAll([hello], { framing })).toMatchObject(wanted)
    expect(frameAll(bytewise(hello), { framing })).toMatchObject(wanted)
  })

  test('only the first bytes of a connection count', () => {
    expect(frameAll(['<1>a\n\x16\x03\n'])).toMatchObject({ frames: ['<1>a', '\x16\x03'], faults: [] })
  })
})

describe('the end of a connection (R45)', () => {
  test('a reset discards what is unfinished, and says so', () => {
    expect(frameAll(['<1>a\n<2>b'], { end: 'reset' })).toMatchObject({ frames: ['<1>a'], faults: ['reset'] })
    expect(frameAll(['9 <2>b'], { end: 'reset' })).toMatchObject({ frames: [], faults: ['reset'] })
    expect(frameAll(['<1>a\n'], { end: 'reset' })).toMatchObject({ frames: ['<1>a'], faults: [] })
  })
})

describe('what is unfinished', () => {
  test('is known, and which frame it is', () => {
    const { framer } = framerFor('auto')
    expect(framer.unfinished).toBe(false)
    framer.push(Buffer.from('<1>a'))
    expect([framer.unfinished, framer.completed]).toEqual([true, 0])
    framer.push(Buffer.from('b'))
    expect([framer.unfinished, framer.completed]).toEqual([true, 0])
    framer.push(Buffer.from('\n47'))
    expect([framer.unfinished, framer.completed]).toEqual([true, 1])
    framer.push(Buffer.from(` <1>${'x'.repeat(44)}`))
    expect([framer.unfinished, framer.completed]).toEqual([false, 2])
  })

  test('memory follows the bytes received, not the count (R34)', () => {
    const { framer } = framerFor('auto', 1_048_576)
    framer.push(Buffer.from('1048576 <1>'))
    expect(framer.held_bytes).toBeLessThanOrEqual(256)
    for (let i = 0; i < 100; i++) framer.push(Buffer.alloc(10, 'x'))
    expect(framer.held_bytes).toBeLessThanOrEqual(2_048)
  })

  test('a line without end holds no more than the limit, and little when it is gone', () => {
    const { framer, out } = framerFor('auto', 65_536)
    const chunk = Buffer.alloc(50_000, 'x')
    for (let i = 0; i < 100; i++) framer.push(chunk)
    expect(framer.held_bytes).toBe(0)
    framer.push(Buffer.from('\n<1>next\n'))
    expect(out.frames.map((frame) => frame.length)).toEqual([65_536, 7])
    expect(out.flags).toEqual([truncated, 0])
    framer.push(chunk)
    expect(framer.held_bytes).toBeLessThanOrEqual(65_538)
  })
})
