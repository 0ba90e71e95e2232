/** `logweir schema`: JSON Schema for editors. */
import type { CliCommand } from './command.ts'
import { print } from './output.ts'

export const schema: CliCommand = {
  name: 'schema',
  summary: 'print the JSON Schema of the configuration or of rules files, for editors',
  argument: { name: 'of', summary: 'of what', choices: ['config', 'rules'] },
  options: [],
  example: ['logweir schema rules > schema/rules.schema.json'],
  run: async ({ argument }) => {
    const made =
      argument === 'rules'
        ? (await import('../rules/schema-json.ts')).rulesJsonSchema()
        : (await import('../config/json-schema.ts')).configJsonSchema()
    print(JSON.stringify(made, null, 2))
    return 0
  },
}
