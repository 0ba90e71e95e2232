/** JSON Schema (draft 7, what yaml-language-server knows) from the schemas: completion, hover and squiggles in editors. */
import { z } from 'zod'
import { EXAMPLES } from './schema-examples.ts'
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
  const { definitions: own, ...root } = withReferences(inputSchema(schema))
  return {
    ...root,
    title,
    definitions: { ...(isSchema(own) ? own : {}), ...definitions, reference: REFERENCE },
  }
}

/** The same without references: values of the file are what they are. */
export function plainSchema(schema: z.ZodType, title: string): JsonSchema {
  return { ...plain(inputSchema(schema)), title }
}

function inputSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    reused: 'inline',
    unrepresentable: 'any',
  }) as JsonSchema
}

/** A copy with examples. */
function plain(schema: JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => {
      if (key === 'properties' && isSchema(value))
        return [key, mapValues(value, (entry, name) => withExamples(plain(entry), name))]
      if (Array.isArray(value))
        return [key, value.map((entry: unknown) => (isSchema(entry) ? plain(entry) : entry))]
      return [key, isSchema(value) && key !== 'default' ? plain(value) : value]
    }),
  )
}

const LEAVES = new Set(['string', 'number', 'integer', 'boolean'])

/** Copies a schema; every leaf becomes a choice between itself and a reference. */
function withReferences(schema: JsonSchema): JsonSchema {
  const copy: JsonSchema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' && isSchema(value)) copy[key] = mapValues(value, exemplified)
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

/** A property with the examples of its name, which editors show and offer. */
function exemplified(schema: JsonSchema, name: string): JsonSchema {
  return withExamples(choice(schema), name)
}

function withExamples(made: JsonSchema, name: string): JsonSchema {
  const examples = Object.hasOwn(EXAMPLES, name) ? EXAMPLES[name] : undefined
  return examples === undefined || made['examples'] !== undefined ? made : { ...made, examples }
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

function mapValues(schema: JsonSchema, map: (entry: JsonSchema, key: string) => JsonSchema): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, isSchema(value) ? map(value, key) : value]),
  )
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
