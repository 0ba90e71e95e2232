/** `logweir schema`: JSON Schema for editors. */
import type { CliCommand } from './command.ts'
import { print } from './output.ts'

export const schema: CliCommand = {
  name: 'schema',
  summary: 'print the JSON Schema of the configuration, of rules files or of rule tests, for editors',
  argument: { name: 'of', summary: 'of what', choices: ['config', 'rules', 'tests'] },
  options: [],
  example: ['logweir schema rules > schema/rules.schema.json'],
  run: async ({ argument }) => {
    const { rulesJsonSchema, testsJsonSchema } = await import('../rules/schema-json.ts')
    const { configJsonSchema } = await import('../config/json-schema.ts')
    const make = { rules: rulesJsonSchema, tests: testsJsonSchema }[argument ?? ''] ?? configJsonSchema
    print(JSON.stringify(make(), null, 2))
    return 0
  },
}
