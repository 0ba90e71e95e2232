import { expect, test } from 'vitest'
import { compileRules } from '../../../src/rules/compile.ts'
import { forwarder, model, settings, tenant } from '../../support/model.ts'

const limits = { forwarders_per_tenant: 10, connections_per_tenant: 20 }
const busy = (name: string, concurrency: number): ReturnType<typeof forwarder> =>
  forwarder(name, { settings: settings({ concurrency }) })

function errors(...forwarders: ReturnType<typeof forwarder>[]): string[] {
  const { findings } = compileRules(model([tenant('acme', { labels: ['ACME'], forwarders })]), 1, limits)
  return findings.filter(({ level }) => level === 'error').map(({ message }) => message)
}

test('the connections of a tenant are bounded over all of its forwarders, and told once (R25)', () => {
  expect(errors(busy('a', 10), busy('b', 10))).toEqual([])
  expect(errors(busy('a', 10), busy('b', 10), busy('c', 1), busy('d', 1))).toEqual([
    'tenant "acme": its forwarders may have 21 connections and more by their `concurrency`, and 20 are allowed',
  ])
})
