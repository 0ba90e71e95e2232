/** Is a tenant that uses templates and defaults the tenant that would have been written out by hand? */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { ForwarderModel } from '../../src/rules/model.ts'
import { readRules } from '../../src/rules/read.ts'

type Keys = Readonly<Record<string, unknown>>

const LIMITS = { forwarders_per_tenant: 20, file_max: 8 * 2 ** 20 }
const FOLDER = '/rules'

/** Keys that may stand at every level, so that layers meet. */
const keys: fc.Arbitrary<Keys> = fc.record(
  {
    retry: fc.record(
      { first: fc.constantFrom('1s', '2s'), max: fc.constantFrom('10s', '20s') },
      { requiredKeys: [] },
    ),
    queue: fc.record(
      {
        memory_max: fc.constantFrom('1MiB', '2MiB'),
        when_full: fc.constantFrom('drop_oldest', 'drop_newest'),
      },
      { requiredKeys: [] },
    ),
    spool: fc.constantFrom('overflow', 'always'),
    hide_hosts: fc.boolean(),
    rate_max: fc.constantFrom(5, 6),
    redact: fc.array(
      fc.constantFrom({ field: 'hostname', with: 'a' }, { pattern: 'b' }, { field: 'label', hash: true }),
      {
        maxLength: 2,
      },
    ),
  },
  { requiredKeys: [] },
)
const where = fc.constantFrom({ action: 'DROP' }, { severity: 3 }, { port: 443, message: { contains: 'x' } })
const names = ['a', 'b', 'c']

const made = fc.record({
  all: keys,
  own_kind: keys,
  template: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), keys, fc.option(where, { nil: undefined })), {
    selector: ([name]) => name,
    maxLength: 3,
  }),
  tenant: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), keys, fc.option(where, { nil: undefined })), {
    selector: ([name]) => name,
    maxLength: 3,
  }),
  port: fc.constantFrom(1, 2),
})

function isMapping(value: unknown): value is Keys {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Later layers win, mappings key by key, redactions one after the other. */
function layered(layers: readonly Keys[]): Keys {
  const out: Record<string, unknown> = {}
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      const before = out[key]
      if (key === 'redact' && Array.isArray(before)) out[key] = [...before, ...(value as unknown[])]
      else if (key !== 'where' && isMapping(before) && isMapping(value)) out[key] = { ...before, ...value }
      else out[key] = value
    }
  }
  return out
}

function forwarders(rules: object): readonly Omit<ForwarderModel, 'place' | 'where_place' | 'source'>[] {
  const files = [{ path: `${FOLDER}/a.yaml`, text: stringify({ version: 1, ...rules }) }]
  const { model, findings } = readRules(FOLDER, LIMITS, {}, files)
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  return (model?.tenants[0]?.forwarders ?? []).map(
    ({ name, scope, where: asked, edit, sample, rate_max, settings }) => ({
      name,
      scope,
      where: asked,
      edit,
      sample,
      rate_max,
      settings,
    }),
  )
}

const set = (asked: unknown): Keys => (asked === undefined ? {} : { where: asked })

test('templates and defaults are what stands written out', () => {
  fc.assert(
    fc.property(made, ({ all, own_kind, template, tenant, port }) => {
      const base = { name: 'acme', labels: ['ACME'] }
      const composed = {
        defaults: { forwarders: all, tenant_forwarders: own_kind },
        templates: {
          one: {
            parameters: { port: {}, host: { default: '10.0.0.1' } },
            forwarders: template.map(([name, own, asked]) => ({
              name,
              to: 'tcp://${host}:${port}',
              ...own,
              ...set(asked),
            })),
          },
        },
        tenants: [
          {
            ...base,
            use: 'one',
            with: { port },
            forwarders: tenant.map(([name, own, asked]) => ({
              name,
              ...(template.some(([other]) => other === name) ? {} : { to: 'tcp://10.0.0.9:9' }),
              ...own,
              ...set(asked),
            })),
          },
        ],
      }
      const order = [...template.map(([name]) => name), ...tenant.map(([name]) => name)]
      const written = [...new Set(order)].map((name) => {
        const base_of = template.find(([other]) => other === name)
        const over = tenant.find(([other]) => other === name)
        const to = base_of === undefined ? 'tcp://10.0.0.9:9' : `tcp://10.0.0.1:${port}`
        const layer = (entry: typeof over): Keys[] =>
          entry === undefined ? [] : [{ ...entry[1], ...set(entry[2]) }]
        return { name, to, ...layered([all, own_kind, ...layer(base_of), ...layer(over)]) }
      })
      expect(forwarders(composed)).toEqual(forwarders({ tenants: [{ ...base, forwarders: written }] }))
    }),
    { numRuns: 300 },
  )
})
