/** Gates, counts and shared work of the router, over queues that only keep what they are given. */
import { describe, expect, test } from 'vitest'
import { CaptureRouter } from '../../support/capture.ts'
import { ruleSet } from '../../support/rule-set.ts'

const line = (label: string, action = 'DROP'): string =>
  `<181>1 2026-01-02T03:04:05.678Z esx01 FIREWALL_PKTLOG 21 - - 5c4d7b1e INET match ${action} 3061 OUT 52 TCP 10.1.2.3/1->10.0.0.5/443 S ${label}`

function routerOf(yaml: string, random: () => number = () => 0) {
  const set = ruleSet(`version: 1\n${yaml}`)
  const { plan, classifier } = set
  const router = new CaptureRouter(plan, {
    sources: [],
    env: { listeners: [], sources: [] },
    classifier,
    random,
  })
  const send = (text: string, now = 0): string[] => {
    router.route(set.view(text), now)
    return [...router.taken.map(({ key }) => key), ...router.dropped]
  }
  return { plan, router, send }
}

const ONE = (keys: string): string =>
  `provider: { forwarders: [{ name: a, to: "udp://192.0.2.1", ${keys} }] }\n`

describe('sample', () => {
  test('what chance leaves out is dropped by its name', () => {
    const draws = [0.1, 0.25, 0.2499, 0.9]
    const { send } = routerOf(ONE('sample: 1/4'), () => draws.shift() ?? 1)
    expect([send('<13>x'), send('<13>x'), send('<13>x'), send('<13>x')].flat()).toEqual([
      'provider/a',
      'provider/a: sampled',
      'provider/a',
      'provider/a: sampled',
    ])
  })
  test.each([
    ['5%', 0.05],
    ['0.5%', 0.005],
    ['100%', null],
    ['1/1', null],
    ['1/1000', 0.001],
  ])('%s', (text, part) => {
    expect(routerOf(ONE(`sample: ${text}`)).plan.forwarders[0]?.sample).toBe(part)
  })
})

describe('rate_max of a forwarder', () => {
  test('a second’s worth at once, then so many a second', () => {
    const { send } = routerOf(ONE('rate_max: 2'))
    const at = (now: number): string | undefined => send('<13>x', now)[0]
    expect([at(0), at(0), at(0), at(499), at(500), at(500), at(5000), at(5000), at(5000)]).toEqual([
      'provider/a',
      'provider/a',
      'provider/a: forwarder_rate',
      'provider/a: forwarder_rate',
      'provider/a',
      'provider/a: forwarder_rate',
      'provider/a',
      'provider/a',
      'provider/a: forwarder_rate',
    ])
  })
  test('is one for events of tenants and orphans', () => {
    const tenant = 'tenants: [{ name: acme, labels: [ACME], forwarders: [] }]\n'
    const { send } = routerOf(tenant + ONE('rate_max: 1'))
    expect(send(line('ACME'))).toEqual(['provider/a'])
    expect(send('<13>x')).toEqual(['provider/a: forwarder_rate'])
  })
  test('counts what passes `where` and `sample` only', () => {
    const { send } = routerOf(ONE('rate_max: 1, where: { severity: 3 }'))
    expect([send('<13>x'), send('<11>x'), send('<11>x')].flat()).toEqual([
      'provider/a',
      'provider/a: forwarder_rate',
    ])
  })
})

test('forwarders that change events get their own bytes, the others the sender’s', () => {
  const { router, send } = routerOf(`tenants:
  - name: acme
    labels: [ACME]
    forwarders:
      - { name: a, to: "udp://192.0.2.1", hide_hosts: true }
      - { name: b, to: "udp://192.0.2.2" }
      - { name: c, to: "udp://192.0.2.3", redact: [{ field: source_ip }] }
      - { name: d, to: "udp://192.0.2.4", hide_hosts: true }
`)
  expect(send(line('ACME'))).toEqual(['acme/a', 'acme/b', 'acme/c', 'acme/d'])
  const [a, b, c, d] = router.taken.map(({ bytes }) => bytes.toString())
  expect(b).toBe(line('ACME'))
  expect(a).toBe(d)
  expect(a).not.toContain('esx01')
  expect(c).toBe(line('ACME').replace('10.1.2.3', '0.0.0.0'))
  expect(router.taken.map(({ peer }) => peer === '10.20.0.7')).toEqual([false, true, true, false])
  const { plan } = router
  expect(plan.edits).toHaveLength(2)
})

describe('what is counted', () => {
  const yaml = `conditions:
  refused: { action: [DROP, REJECT] }
  web: { destination_port: 443 }
  both: { use: [refused, web] }
tenants:
  - name: acme
    labels: [ACME]
    forwarders:
      - { name: a, to: "udp://192.0.2.1", where: { use: refused } }
      - { name: b, to: "udp://192.0.2.2", where: { use: both, severity: 5 } }
      - { name: c, to: "udp://192.0.2.3", where: { not: { use: refused } } }
`
  test('a named condition is asked once an event, however often it is used', () => {
    const { plan, router, send } = routerOf(yaml)
    expect(send(line('ACME'))).toEqual(['acme/a', 'acme/b'])
    expect(send(line('ACME', 'PASS'))).toEqual(['acme/c'])
    const counts = Object.fromEntries(
      plan.named.map(({ name, condition }) => [
        name,
        [router.conditions.asked(condition), router.conditions.held(condition)],
      ]),
    )
    expect(counts).toMatchObject({ refused: [2, 1], both: [2, 1] })
    expect(counts['web']?.[1]).toBe(1)
  })
  test('owned events are counted by what their owner was found by', () => {
    const { router, send } = routerOf(yaml)
    send(line('ACME'))
    send(line('nobody’s'))
    const { found, found_by } = router.router
    expect(Object.fromEntries(found_by.map((by, n) => [by, found[n]]))).toEqual({ '': 0, literal: 1 })
  })
})
