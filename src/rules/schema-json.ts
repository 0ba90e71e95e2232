/** JSON Schema of a rules file, for editors. `where` is written by hand: its reader is no zod schema. */
import { editorSchema, type JsonSchema, plainSchema } from '../config/json-schema.ts'
import { FACILITIES, FIELD_NAMES, fieldOf, SEVERITIES, WORDS } from './read-where-fields.ts'
import { rulesFile } from './schema.ts'
import { testsFile } from './schema-tests.ts'

const TEXT = { type: 'string' }
const TEXTS = { anyOf: [TEXT, { type: 'array', items: TEXT, minItems: 1 }] }

function comparison(scalar: JsonSchema): JsonSchema {
  return {
    anyOf: [scalar, { type: 'array', items: scalar, minItems: 1 }, { $ref: '#/definitions/operators' }],
  }
}

const ANY_FIELD = comparison({ type: ['string', 'number', 'boolean'] })

/** Schema of a rules file. */
export function rulesJsonSchema(): JsonSchema {
  return editorSchema(rulesFile, 'Logweir rules', { where: whereSchema(), operators: OPERATORS_SCHEMA })
}

/** Schema of a file of rule tests. Values there are what they are: no references. */
export function testsJsonSchema(): JsonSchema {
  return plainSchema(testsFile, 'Logweir rule tests')
}

function whereSchema(): JsonSchema {
  const nested = { $ref: '#/definitions/where' }
  const list = { type: 'array', items: nested, minItems: 1 }
  return {
    type: 'object',
    description:
      'Which events; several fields must all hold. A field takes a value, a list, a range, a network or operators.',
    properties: {
      any: { ...list, description: 'At least one of these holds.' },
      all: { ...list, description: 'All of these hold.' },
      not: { ...nested, description: 'This does not hold; also true of events without the field.' },
      use: { ...TEXTS, description: 'Named conditions, of `conditions:`, that must hold as well.' },
      structured_data: {
        type: 'object',
        description: 'Parameters by element: { "nsx@6876": { comp: nsx-edge } }.',
        additionalProperties: { type: 'object', additionalProperties: ANY_FIELD },
      },
      ...Object.fromEntries(FIELD_NAMES.map((name) => [name, fieldSchema(name)])),
    },
    patternProperties: { '^structured_data\\.[^.].*\\..+$': ANY_FIELD },
    additionalProperties: false,
  }
}

function fieldSchema(name: string): JsonSchema {
  const info = fieldOf(name)
  const known = info === undefined ? undefined : WORDS[info.field]
  const named =
    info?.kind === 'severity'
      ? Object.keys(SEVERITIES)
      : info?.kind === 'facility'
        ? Object.keys(FACILITIES)
        : known
  // Offered, not required: other texts stay possible, so `enum` alone would be wrong.
  const scalar =
    named === undefined
      ? { type: ['string', 'number', 'boolean'] }
      : { anyOf: [{ enum: named }, { type: ['string', 'number'] }] }
  return comparison(scalar)
}

/** The operators of a comparison. */
const OPERATORS_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    contains: { ...TEXTS, description: 'It holds any of these texts.' },
    starts_with: { ...TEXTS, description: 'It begins with any of these.' },
    ends_with: { ...TEXTS, description: 'It ends with any of these.' },
    matches: {
      ...TEXTS,
      description: 'Regular expressions with RE2’s syntax: any of them matches somewhere in the field.',
    },
    gt: { type: ['number', 'string'], description: 'More than this.' },
    gte: { type: ['number', 'string'], description: 'This or more.' },
    lt: { type: ['number', 'string'], description: 'Less than this.' },
    lte: { type: ['number', 'string'], description: 'This or less.' },
    at_least: { type: ['number', 'string'], description: 'severity: this or worse.' },
    exists: { type: 'boolean', description: 'Whether it is there.' },
  },
  minProperties: 1,
  additionalProperties: false,
}
