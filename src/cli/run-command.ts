/** `logweir run`, as the table has it. */
import { type CliCommand, CONFIG_OPTION } from './command.ts'
import { configFile } from './config-file.ts'

export const runCommand: CliCommand = {
  name: 'run',
  summary: 'run the router until SIGTERM or SIGINT; SIGHUP reloads',
  options: [CONFIG_OPTION],
  example: ['logweir run --config examples/logweir.yaml'],
  run: async (args) => {
    const config = configFile(args.text('config'))
    const { run } = await import('./run.ts')
    return run({ config })
  },
}
