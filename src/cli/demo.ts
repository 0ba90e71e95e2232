/** `logweir demo`: the main job, shown on this machine with real sockets, and checked. */
import { type CliCommand, JSON_OPTION } from './command.ts'

export const demo: CliCommand = {
  name: 'demo',
  summary: 'run the router with the example rules, replay the fixtures, and show who received what',
  options: [JSON_OPTION],
  example: ['logweir demo'],
  run: async (args) => {
    const { runDemo } = await import('./demo/run.ts')
    return runDemo(args.flag('json'))
  },
}
