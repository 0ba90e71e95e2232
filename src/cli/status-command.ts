/** `logweir status`, as the table has it. */
import { ADMIN_OPTION, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'

export const statusCommand: CliCommand = {
  name: 'status',
  summary: 'the ledger and the state of each forwarder, from the running router',
  options: [CONFIG_OPTION, ADMIN_OPTION, JSON_OPTION],
  example: ['logweir status --config examples/logweir.yaml', 'logweir status --json | jq .imbalance'],
  run: async (args) => {
    const { status } = await import('./status.ts')
    return status({
      ...args.router,
      json: args.flag('json'),
    })
  },
}
