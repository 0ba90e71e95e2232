/** `logweir parse`: each line as the JSON of its event, as a forwarder with `format: json` would send it, or counts of them all. */
import { type CliArgs, type CliCommand, JSON_OPTION } from './command.ts'

export const parse: CliCommand = {
  name: 'parse',
  summary: 'print each line of FILE as the JSON of its event, one line out for one line in',
  argument: { name: 'file', summary: 'lines of syslog; standard input when left out' },
  options: [
    {
      name: 'config',
      kind: 'text',
      value: 'FILE',
      summary: 'say tenant and owner too, by the rules of this configuration',
    },
    {
      name: 'format',
      kind: 'text',
      value: 'FORM',
      choices: ['auto', 'rfc5424', 'rfc3164'],
      summary: 'the form that headers must have to be valid (auto: any)',
    },
    {
      name: 'zone',
      kind: 'text',
      value: 'ZONE',
      summary: 'time zone of the senders’ clocks, for times without one (UTC)',
    },
    {
      name: 'received',
      kind: 'text',
      value: 'TIME',
      summary: 'when the lines were received, for times without a year (now)',
    },
    {
      name: 'stats',
      kind: 'flag',
      summary: 'print what there is instead: streams, header forms, what is not valid, labels',
    },
    { ...JSON_OPTION, summary: 'print JSON (without --stats it always does)' },
  ],
  example: [
    'logweir parse fixtures/nsxt-dfw.log | jq .firewall',
    'logweir parse --config examples/logweir.yaml < events.log',
    'logweir parse --zone Europe/Berlin --received 2025-12-31T23:59:59Z fixtures/nsxv-edge.log',
    'logweir parse --stats --config examples/logweir.yaml yesterday.log',
  ],
  run,
}

async function run(args: CliArgs): Promise<number> {
  if (args.flag('stats')) {
    const { countLines } = await import('./events/count-lines.ts')
    return countLines(args)
  }
  const { parseLines } = await import('./events/parse-lines.ts')
  return parseLines(args)
}
