/** What does `send` take for a place to send to? */
import { expect, test } from 'vitest'
import { LogweirError } from '../../../src/base/errors.ts'
import { framingOf, parseTarget } from '../../../src/cli/send/target.ts'

test.each([
  ['tcp://127.0.0.1:5514', 'tcp', '127.0.0.1', 5514],
  ['udp://[::1]:514', 'udp', '::1', 514],
  ['cfapi://127.0.0.1:9000', 'cfapi', '127.0.0.1', 9000],
  ['relp://127.0.0.1:20514', 'relp', '127.0.0.1', 20_514],
  ['relp-tls://[::1]:20514', 'relp-tls', '::1', 20_514],
  ['cfapi-tls://[::1]:9543', 'cfapi-tls', '::1', 9543],
  ['TLS://Logs.Example.Com:6514/', 'tls', 'logs.example.com', 6514],
])('%s is one', (text, scheme, host, port) => {
  const target = parseTarget(text)
  expect([target.scheme, target.host.toLowerCase(), target.port]).toEqual([scheme, host, port])
})

test.each([
  [undefined, /--to URL/],
  ['127.0.0.1:5514', /cannot send to/],
  ['http://127.0.0.1:80', /cannot send to/],
  ['tcp://127.0.0.1', /names no port/],
  ['tcp://127.0.0.1:0', /names no port/],
  ['tcp://127.0.0.1:99999', /cannot send to/],
  ['tcp://user@127.0.0.1:514', /cannot send to/],
  ['tcp://127.0.0.1:514/path', /cannot send to/],
  ['nats://127.0.0.1:4222', /cannot send to/],
])('%s is none', (text, message) => {
  expect(() => parseTarget(text)).toThrow(message)
  expect(() => parseTarget(text)).toThrow(LogweirError)
})

test('framing is the transport\u2019s usual one, or what was asked for', () => {
  const [udp, tcp, tls] = ['udp', 'tcp', 'tls'].map((scheme) => parseTarget(`${scheme}://[::1]:514`))
  if (udp === undefined || tcp === undefined || tls === undefined) throw new Error('three targets')
  expect([framingOf(udp, undefined), framingOf(tcp, undefined), framingOf(tls, undefined)]).toEqual([
    'none',
    'newline',
    'octet-counting',
  ])
  expect(framingOf(tls, 'newline')).toBe('newline')
  expect(() => framingOf(udp, 'newline')).toThrow(/no framing/)
  expect(framingOf(parseTarget('cfapi://[::1]:9000'), undefined)).toBe('none')
  expect(() => framingOf(parseTarget('cfapi://[::1]:9000'), 'newline')).toThrow(/no framing/)
})
