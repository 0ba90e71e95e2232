/** `logweir explain`: why each line's event goes where it goes. */
import { type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'

export const explain: CliCommand = {
  name: 'explain',
  summary: "for each line of FILE: its stream, label and tenant, and each forwarder's decision and why",
  argument: { name: 'file', summary: 'lines of syslog; standard input when left out' },
  options: [
    CONFIG_OPTION,
    {
      name: 'peer',
      kind: 'text',
      value: 'IP',
      summary: 'as if sent by this address; left out: by one that may send everything',
    },
    JSON_OPTION,
  ],
  example: ['logweir explain --config examples/logweir.yaml fixtures/nsxt-dfw.log'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { explainLines } = await import('./events/explain-lines.ts')
  return explainLines(args)
}
