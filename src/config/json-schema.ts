/** JSON Schema (draft 7, what yaml-language-server knows) from the schemas: completion, hover and squiggles in editors. */
import { z } from 'zod'
import { settingsFile } from './settings-schema.ts'

/** A JSON Schema node. */
export interface JsonSchema {
  [key: string]: unknown
}

const REFERENCE: JsonSchema = {
  description: 'A value from outside the file: an environment variable, or the text of a file.',
  oneOf: [
    {
      type: 'object',
      properties: { env: { type: 'string', description: 'Name of an environment variable.' } },
      required: ['env'],
      additionalProperties: false,
    },
    {
      type: 'object',
      properties: { file: { type: 'string', description: 'Path, relative to this file.' } },
      required: ['file'],
      additionalProperties: false,
    },
  ],
}

/** Schema of logweir.yaml. */
export function configJsonSchema(): JsonSchema {
  return editorSchema(settingsFile, 'Logweir configuration', {})
}

/**
 * What an editor gets for a schema: the input side (quantities are texts), and wherever one value is expected,
 * `{ env: NAME }` and `{ file: PATH }` too. `definitions` are added for schemas of that `id`.
 */
export function editorSchema(
  schema: z.ZodType,
  title: string,
  definitions: Readonly<Record<string, JsonSchema>>,
): JsonSchema {
  const made = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    reused: 'inline',
    unrepresentable: 'any',
  }) as JsonSchema
  const { definitions: own, ...root } = withReferences(made)
  return {
    ...root,
    title,
    definitions: { ...(isSchema(own) ? own : {}), ...definitions, reference: REFERENCE },
  }
}

const LEAVES = new Set(['string', 'number', 'integer', 'boolean'])

/** Copies a schema; every leaf becomes a choice between itself and a reference. */
function withReferences(schema: JsonSchema): JsonSchema {
  const copy: JsonSchema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' && isSchema(value)) copy[key] = mapValues(value, choice)
    else if ((key === 'items' || key === 'additionalProperties') && isSchema(value)) copy[key] = choice(value)
    else if ((key === 'oneOf' || key === 'anyOf' || key === 'allOf') && Array.isArray(value)) {
      copy[key] = value.map((entry: unknown) => (isSchema(entry) ? withReferences(entry) : entry))
    } else if (key === 'definitions' && isSchema(value)) copy[key] = mapValues(value, withReferences)
    // Zod marks whole numbers with the safe range, which tells a person nothing.
    else if ((key === 'minimum' || key === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER)
      continue
    else if (key !== 'id' && key !== 'secret') copy[key] = value
  }
  return copy
}

function choice(schema: JsonSchema): JsonSchema {
  const made = withReferences(schema)
  if (schema['const'] !== undefined || !LEAVES.has(String(schema['type']))) return made
  const { description, default: standard, ...leaf } = made
  const reference = { $ref: '#/definitions/reference' }
  return {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
    // A secret typed into the file is refused, so an editor should not offer it.
    anyOf: schema['secret'] === true ? [reference] : [leaf, reference],
  }
}

function mapValues(schema: JsonSchema, map: (entry: JsonSchema) => JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, isSchema(value) ? map(value) : value]),
  )
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
