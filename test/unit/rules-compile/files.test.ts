/** Is no file written by two forwarders, under its own name or under the one that rotation gives? */
import { expect, test } from 'vitest'
import { compileRules } from '../../../src/rules/compile.ts'
import { patternProblem } from '../../../src/rules/file-pattern.ts'
import { forwarder, model, settings, tenant } from '../../support/model.ts'

const file = (path: string) => settings({ type: 'file', to: { scheme: 'file', path } })

function errorsOf(provider: readonly string[], acme: readonly string[] = []): string[] {
  const rules = model(
    [
      tenant('acme', {
        labels: ['A'],
        forwarders: acme.map((path, n) => forwarder(`a${n}`, { settings: file(path) })),
      }),
    ],
    { provider: provider.map((path, n) => forwarder(`p${n}`, { scope: 'all', settings: file(path) })) },
  )
  return compileRules(rules, 1, { forwarders_per_tenant: 10 })
    .findings.filter(({ level }) => level === 'error')
    .map(({ message }) => message)
}

test.each<[string, readonly string[], readonly string[]]>([
  ['the same', ['/o/x.log', '/o/x.log'], []],
  ['the same, written otherwise', ['/o/x.log', '/o/y/../x.log'], []],
  ['a tenant’s and the provider’s', ['/o/x.log'], ['/o/x.log']],
  ['all tenants’ and one’s', ['/o/{tenant}.log'], ['/o/acme.log']],
  ['one’s and all tenants’', ['/o/{tenant}/{date}.log', '/o/acme/2026-01-02.log'], []],
  ['two patterns', ['/o/{tenant}.log', '/o/{tenant}-x.log'], []],
  ['two patterns of which neither holds the other', ['/o/x-{tenant}.log', '/o/{tenant}-y.log'], []],
  ['two of days', ['/o/{date}.log', '/o/{date}.log'], []],
  ['a day and a pattern', ['/o/{date}.log'], ['/o/2026-01-02.log']],
])('%s: refused', (_, provider, acme) => {
  expect(errorsOf(provider, acme)).toEqual([expect.stringContaining('write the same file')])
})

test.each<[string, readonly string[]]>([
  ['the first that is put aside', ['/o/x.log', '/o/x.log.1']],
  ['named first', ['/o/x.log.17', '/o/x.log']],
  ['compressed', ['/o/x.log', '/o/x.log.2.gz']],
  ['while it is compressed', ['/o/x.log', '/o/x.log.1.gz.part']],
  ['of a pattern', ['/o/{tenant}.log', '/o/acme.log.3']],
  ['both patterns', ['/o/{tenant}/{date}.log', '/o/{tenant}/{date}.log.3']],
])('a name that rotation makes, %s: refused', (_, provider) => {
  expect(errorsOf(provider)).toEqual([expect.stringContaining('rotation of one of it')])
})

test('what can never be one file is taken', () => {
  const paths = [
    '/o/x.log',
    '/o/x.log.gz',
    '/o/x.log.0',
    '/o/x.log.old',
    '/p/{tenant}/a.log',
    '/p/{tenant}/b.log',
  ]
  const more = [
    '/o/2026-01-02.log',
    '/o/2026-01-03.log',
    '/q/{date}/a.log',
    '/q/{date}/b.log',
    '/r/{tenant}/{date}',
  ]
  expect(errorsOf([...paths, ...more])).toEqual([])
})

test('ten thousand files are compared in no time worth speaking of', () => {
  const paths = Array.from({ length: 10_000 }, (_, n) => `/o/${n}/{date}.log`)
  expect(errorsOf(['/all/{tenant}/{date}.log', ...paths])).toEqual([])
})

test('a path with many names is compared in no time either', () => {
  const many = `/o/${'{tenant}-'.repeat(40)}x.log`
  const long = Array.from({ length: 100 }, (_, n) => `/o/${'a-'.repeat(120)}${n}.log`)
  expect(errorsOf([many, ...long])).toEqual([])
})

test.each([
  ['/o/x.log', null],
  ['/o/{tenant}/{date}.log', null],
  ['/o/{date}', null],
  ['/o/{org}.log', 'nothing stands for {org}'],
  ['/o/{}.log', 'nothing stands for {}'],
  ['/o/{tenant.log', 'holds a brace'],
  ['/o/x}.log', 'holds a brace'],
  ['/o/{tenant}', 'ends with {tenant}'],
])('%s: %s', (path, message) => {
  if (message === null) expect(patternProblem(path)).toBeNull()
  else expect(patternProblem(path)?.message).toContain(message)
})
