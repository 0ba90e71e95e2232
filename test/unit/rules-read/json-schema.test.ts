import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configJsonSchema, type JsonSchema } from '../../../src/config/json-schema.ts'
import { rulesJsonSchema, testsJsonSchema } from '../../../src/rules/schema-json.ts'
import { files } from '../../support/tree.ts'

const ROOT = join(import.meta.dirname, '../../..')

function read(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8')
}

/** Judges like an editor would. */
function judge(schema: JsonSchema, value: unknown): boolean {
  return z.fromJSONSchema(schema).safeParse(value).success
}

test.each([
  ['schema/logweir.schema.json', configJsonSchema, 'config'],
  ['schema/rules.schema.json', rulesJsonSchema, 'rules'],
  ['schema/tests.schema.json', testsJsonSchema, 'tests'],
] as const)('%s is what the code says (`logweir schema` writes it)', (file, schema, what) => {
  const made = `${JSON.stringify(schema(), null, 2)}\n`
  expect(read(file), `run: node bin/logweir.js schema ${what} > ${file}`).toBe(made)
})

test.each([
  'rules/vmware.yaml',
  'examples/rules/acme.yaml',
  'examples/rules/globex.yaml',
  'examples/rules/provider.yaml',
])('%s fits the schema and says which it is', (file) => {
  expect(judge(rulesJsonSchema(), parse(read(file)))).toBe(true)
  expect(read(file)).toMatch(/^# yaml-language-server: \$schema=(\.\.\/)+schema\/rules\.schema\.json\n/)
})

const shipped = files().filter(({ name }) => /^(rules|examples)\/.*\.ya?ml$/.test(name))

test.each(shipped.map(({ name, text }) => [name, text]))(
  '%s names its schema first, and fits it',
  (name, text) => {
    const up = '../'.repeat(name.split('/').length - 1)
    const [kind, schema] = name.endsWith('.test.yaml')
      ? ['tests', testsJsonSchema()]
      : name === 'examples/logweir.yaml'
        ? ['logweir', configJsonSchema()]
        : ['rules', rulesJsonSchema()]
    expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${up}schema/${kind}.schema.json`)
    expect(judge(schema, parse(text))).toBe(true)
  },
)

test('every key is described, and examples of a key fit it', () => {
  for (const schema of [configJsonSchema(), rulesJsonSchema(), testsJsonSchema()]) {
    const wrong: string[] = []
    eachProperty(schema, '', (path, property) => {
      const { examples, description, $ref, allOf } = property
      if (description === undefined && ($ref ?? allOf) === undefined) wrong.push(`${path}: no description`)
      for (const example of (examples ?? []) as unknown[]) {
        const own = { ...property, $schema: schema['$schema'], definitions: schema['definitions'] ?? {} }
        if (!judge(own, example)) wrong.push(`${path}: ${JSON.stringify(example)}`)
      }
    })
    expect(wrong).toEqual([])
  }
})

function eachProperty(node: unknown, at: string, visit: (path: string, property: JsonSchema) => void): void {
  if (typeof node !== 'object' || node === null) return
  if (Array.isArray(node)) {
    for (const entry of node) eachProperty(entry, at, visit)
    return
  }
  for (const [key, value] of Object.entries(node)) {
    if (key === 'properties') {
      for (const [name, property] of Object.entries(value as Record<string, JsonSchema>)) {
        visit(`${at}.${name}`, property)
        eachProperty(property, `${at}.${name}`, visit)
      }
    } else if (
      ['items', 'anyOf', 'oneOf', 'allOf', 'additionalProperties', 'definitions', 'operators'].includes(key)
    )
      eachProperty(value, `${at}[]`, visit)
  }
}

test('the example configuration fits the schema and says which it is', () => {
  expect(judge(configJsonSchema(), parse(read('examples/logweir.yaml')))).toBe(true)
  expect(read('examples/logweir.yaml')).toMatch(
    /^# yaml-language-server: \$schema=\.\.\/schema\/logweir\.schema\.json\n/,
  )
})

const configFits = (more: string): boolean =>
  judge(
    configJsonSchema(),
    parse(`version: 1\nlisteners: [{ name: a, transport: udp, bind: "[::]:1" }]\n${more}`),
  )

test('the schema of the configuration knows quantities, references and what does not exist', () => {
  expect(configFits('batch: { bytes: 64KiB, age: { env: AGE } }')).toBe(true)
  expect(configFits('workers: { env: W }')).toBe(true)
  expect(configFits('batch: { bytes: 65536 }')).toBe(false)
  expect(configFits('batch: { bites: 64KiB }')).toBe(false)
})

const rulesFit = (where: string): boolean =>
  judge(
    rulesJsonSchema(),
    parse(`version: 1\nprovider: { forwarders: [{ name: a, to: x, where: ${where} }] }\n`),
  )

test('the schema of rules knows conditions', () => {
  expect(rulesFit('{ action: [DROP], not: { any: [{ port: "1-2" }] }, message: { contains: x } }')).toBe(true)
  expect(rulesFit('{ acton: DROP }')).toBe(false)
  expect(rulesFit('{ message: { contain: x } }')).toBe(false)
})
