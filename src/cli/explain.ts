/** `logweir explain`: each line's whole story: how it was read, whose it is, who gets what of it, and why. */
import { type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'

export const explain: CliCommand = {
  name: 'explain',
  summary:
    "for each line of FILE: stream, label and tenant, each forwarder's decision, why, and what it would send",
  argument: { name: 'file', summary: 'lines of syslog; standard input when left out' },
  options: [
    CONFIG_OPTION,
    {
      name: 'peer',
      kind: 'text',
      value: 'IP',
      summary: 'as if sent by this address; left out: by one that may send everything',
    },
    { name: 'short', kind: 'flag', summary: 'whose it is and the decisions only' },
    JSON_OPTION,
  ],
  example: [
    'logweir explain --config examples/logweir.yaml fixtures/nsxt-dfw.log',
    'logweir explain --peer 127.0.0.1 --json --config examples/logweir.yaml fixtures/nsxt-gateway.log',
  ],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { explainLines } = await import('./events/explain-lines.ts')
  return explainLines(args)
}
