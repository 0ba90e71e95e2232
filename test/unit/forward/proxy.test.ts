import { describe, expect, test } from 'vitest'
import { Cookies } from '../../../src/forward/cookies.ts'
import { isExcluded, proxyFor } from '../../../src/forward/proxy.ts'

const HTTPS = new URL('https://siem.example.com/in')
const HTTP = new URL('http://siem.example.com:8080/in')

describe('which proxy', () => {
  test.each([
    ['nothing is said', HTTPS, {}, null],
    ['for https', HTTPS, { HTTPS_PROXY: 'http://p:3128' }, 'p:3128'],
    ['for http', HTTP, { HTTPS_PROXY: 'http://p:3128' }, null],
    ['for http, its own', HTTP, { HTTP_PROXY: 'http://p:3128' }, 'p:3128'],
    ['lower case first', HTTPS, { HTTPS_PROXY: 'http://p:1', https_proxy: 'http://q:2' }, 'q:2'],
    ['for all', HTTPS, { ALL_PROXY: 'http://p:3128' }, 'p:3128'],
    ['without a scheme', HTTPS, { HTTPS_PROXY: 'p:3128' }, 'p:3128'],
    ['without a port', HTTPS, { HTTPS_PROXY: 'https://p' }, 'p:443'],
    ['excluded', HTTPS, { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'localhost,.example.com' }, null],
    ['empty', HTTPS, { HTTPS_PROXY: '  ' }, null],
  ] as const)('%s', (_, url, env, expected) => {
    const proxy = proxyFor(null, url, env)
    expect(proxy === null ? null : `${proxy.host}:${proxy.port}`).toBe(expected)
  })

  test('the rules come before the environment', () => {
    const env = { HTTPS_PROXY: 'http://p:1' }
    expect(proxyFor('none', HTTPS, env)).toBeNull()
    const setting = { url: 'http://q:2', login: null, ca: null }
    expect(proxyFor(setting, HTTPS, env)).toMatchObject({ host: 'q', port: 2 })
    expect(proxyFor(setting, HTTPS, { NO_PROXY: '*' })).toMatchObject({ host: 'q' })
  })

  test('a login of the environment is decoded', () => {
    const proxy = proxyFor(null, HTTPS, { HTTPS_PROXY: 'http://us%40er:p%3Aw@p:1' })
    expect(proxy?.login).toEqual({ username: 'us@er', password: 'p:w' })
  })

  test.each(['socks5://p:1', 'http://', 'ftp://p'])('%s is refused, not gone around', (text) => {
    expect(() => proxyFor(null, HTTPS, { HTTPS_PROXY: text })).toThrow(
      'HTTPS_PROXY names no http: or https: proxy',
    )
  })
})

test.each([
  ['*', 'a.b', 443, true],
  ['', 'a.b', 443, false],
  ['a.b', 'a.b', 443, true],
  ['a.b', 'x.a.b', 443, true],
  ['.a.b', 'a.b', 443, true],
  ['*.a.b', 'x.a.b', 443, true],
  ['a.b', 'xa.b', 443, false],
  ['A.B.', 'a.b', 443, true],
  ['x, a.b:8443', 'a.b', 8443, true],
  ['a.b:8443', 'a.b', 443, false],
  ['10.0.0.1', '10.0.0.1', 443, true],
  ['10.0.0.0/8', '10.2.3.4', 443, true],
  ['10.0.0.0/8', '11.2.3.4', 443, false],
  ['10.0.0.0/x', '10.2.3.4', 443, false],
  ['0.1', '10.0.0.1', 443, false],
  ['2001:db8::/32', '2001:db8::1', 443, true],
  ['[::1]:443', '::1', 443, true],
  ['[::1]:443', '::1', 80, false],
])('NO_PROXY=%s and %s:%i: %s', (list, host, port, expected) => {
  expect(isExcluded(list, host, port)).toBe(expected)
})

describe('cookies', () => {
  test('come back as name and value, and can be taken away', () => {
    const cookies = new Cookies()
    expect(cookies.headers).toEqual({})
    cookies.take(['a=1; Path=/; HttpOnly', 'b="2"'])
    expect(cookies.headers).toEqual({ cookie: 'a=1; b="2"' })
    cookies.take(['a=; Max-Age=0', 'b=3; Max-Age=0'])
    expect(cookies.headers).toEqual({})
  })

  test('are few, short, and nothing that could end a header', () => {
    const cookies = new Cookies()
    cookies.take(Array.from({ length: 100 }, (_, n) => `c${n}=${n}`))
    cookies.take(['evil=a\r\nx: y', 'a b=c', 'nothing', `long=${'x'.repeat(5000)}`, 'c0=new'])
    const { cookie = '' } = cookies.headers as { cookie?: string }
    expect(cookie.split('; ').length).toBe(8)
    expect(cookie).toContain('c0=new')
    expect(cookie).not.toMatch(/[\r\n]|evil|long/)
  })
})
