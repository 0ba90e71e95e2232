/** `logweir send`: the lines of a file as syslog messages, to where the user says and nowhere else. */
import { type CliArgs, type CliCommand, JSON_OPTION } from './command.ts'

export const send: CliCommand = {
  name: 'send',
  summary: "send a file's lines as syslog messages (standard input without FILE)",
  argument: { name: 'file', summary: 'one message a line; standard input when left out' },
  options: [
    {
      name: 'to',
      kind: 'text',
      value: 'URL',
      summary: 'udp://, tcp://, tls://, cfapi:// or cfapi-tls://HOST:PORT',
    },
    {
      name: 'framing',
      kind: 'text',
      value: 'HOW',
      choices: ['newline', 'octet-counting'],
      summary: 'how messages are told apart (tcp: newline, tls: octet-counting)',
    },
    { name: 'rate', kind: 'number', value: 'N', whole: false, summary: 'messages a second at most' },
    { name: 'count', kind: 'number', value: 'N', whole: true, summary: 'stop after so many messages' },
    { name: 'loop', kind: 'flag', summary: 'begin again at the end of the file, until --count or Ctrl-C' },
    {
      name: 'ca',
      kind: 'text',
      value: 'FILE',
      summary: "tls, cfapi-tls: trust the certificates of this file, not the system's",
    },
    { name: 'cert', kind: 'text', value: 'FILE', summary: 'tls, cfapi-tls: the certificate to show' },
    { name: 'key', kind: 'text', value: 'FILE', summary: 'tls, cfapi-tls: the key of the certificate' },
    { name: 'insecure', kind: 'flag', summary: 'tls, cfapi-tls: accept any certificate' },
    JSON_OPTION,
  ],
  example: [
    'logweir send --to tcp://127.0.0.1:5514 fixtures/nsxt-dfw.log',
    'logweir send --to udp://127.0.0.1:5514 --rate 1000 --count 60000 --loop fixtures/nsxt-dfw.log',
  ],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { sendCommand } = await import('./send/run.ts')
  return sendCommand(args)
}
