/** `logweir forwarder test|pause|resume TENANT/NAME`: what an operator does to one forwarder of the running router. */
import { LogweirError } from '../base/errors.ts'
import type { PauseAnswer, TestAnswer } from '../control/operations.ts'
import type { ShownCertificate } from '../forward/certificate-chain.ts'
import type { AdminClient } from './admin-client.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { paint, print } from './output.ts'

export const forwarder: CliCommand = {
  name: 'forwarder',
  summary: 'test, pause or resume a forwarder of the running router',
  argument: {
    name: 'words',
    summary: 'test, pause or resume, then TENANT/NAME; the provider’s are provider/NAME',
    many: true,
  },
  options: [
    {
      name: 'for',
      kind: 'text',
      value: 'TIME',
      summary: 'pause: go on by itself after this time (30m, 2h, 3d)',
    },
    { name: 'reason', kind: 'text', value: 'TEXT', summary: 'pause: why, for whoever looks at the status' },
    CONFIG_OPTION,
    ADMIN_OPTION,
    JSON_OPTION,
  ],
  example: [
    'logweir forwarder test acme/siem',
    'logweir forwarder pause acme/siem --for 2h --reason "SIEM is being upgraded"',
    'logweir forwarder resume acme/siem',
  ],
  run,
}

const ACTIONS: Readonly<
  Record<string, (client: AdminClient, path: string, args: CliArgs) => Promise<number>>
> = {
  test: (client, path, args) => test(client, `${path}/test`, args),
  pause: (client, path, args) => change(client, `${path}/pause`, args),
  resume: (client, path, args) => change(client, `${path}/resume`, args),
}

async function run(args: CliArgs): Promise<number> {
  const [action = '', key, ...more] = args.all
  const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (act === undefined || key === undefined || more.length > 0)
    throw usage(`write ${Object.keys(ACTIONS).join(', ')}, and one TENANT/NAME`)
  const slash = key.indexOf('/')
  if (slash <= 0 || slash === key.length - 1) throw usage('a forwarder is named as TENANT/NAME')
  if (action !== 'pause' && (args.text('for') ?? args.text('reason')) !== undefined)
    throw usage('--for and --reason belong to pause')
  const { adminClient } = await import('./admin-client.ts')
  const client = adminClient(args.router)
  const name = [key.slice(0, slash), key.slice(slash + 1)].map(encodeURIComponent).join('/')
  return act(client, `/api/v1/forwarders/${name}`, args)
}

async function change(client: AdminClient, path: string, args: CliArgs): Promise<number> {
  const time = args.text('for')
  const reason = args.text('reason')
  const body = {
    ...(time === undefined ? {} : { for: time }),
    ...(reason === undefined ? {} : { reason }),
  }
  const answer = (await client.post(path, body)) as PauseAnswer
  if (args.flag('json')) print(JSON.stringify(answer))
  else print(inWords(answer))
  return 0
}

/** Exits 1 when a target does not work. */
async function test(client: AdminClient, path: string, args: CliArgs): Promise<number> {
  const answer = (await client.post(path)) as TestAnswer
  if (args.flag('json')) print(JSON.stringify(answer))
  else for (const line of reportLines(answer)) print(line)
  return answer.ok ? 0 : 1
}

/** What happened at each step, in lines. */
export function reportLines({ targets, paused }: TestAnswer): string[] {
  const lines = targets.flatMap(({ forwarder: key, to, steps, ok }) => [
    `${key} to ${to}: ${ok ? paint('green', 'works') : paint('red', 'does not work')}`,
    ...steps.flatMap(({ step, ok: well, milliseconds, detail, certificates = [] }) => [
      `  ${MARKS[String(well)] ?? ''} ${step.padEnd(14)} ${`${milliseconds} ms`.padStart(9)}  ${plain(detail)}`,
      ...certificates.flatMap((shown, n) => certificateLines(shown, n)),
    ]),
  ])
  if (paused !== null) lines.push('it is paused: its own events wait until it is resumed')
  return lines
}

const MARKS: Readonly<Record<string, string>> = { true: 'ok  ', false: 'FAIL', null: '-   ' }

function certificateLines(shown: ShownCertificate, n: number): string[] {
  const indent = ' '.repeat(33)
  const names = shown.names === '' ? [] : [`${indent}   for ${shown.names}`]
  return [
    `${indent}${n}: ${shown.subject}`,
    ...names,
    `${indent}   issued by ${shown.issuer}`,
    `${indent}   valid from ${shown.valid_from} to ${shown.valid_to}`,
    `${indent}   ${shown.fingerprint}`,
  ].map(plain)
}

/** Parts of it were written by the other side: nothing that a terminal would obey. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}

function inWords({ forwarder: key, state, pause }: PauseAnswer): string {
  if (state === 'resumed') return `${key}: ${paint('green', 'resumed')}`
  if (state === 'not paused' || pause === null)
    return `${key}: was not paused by an operator; what waits after a failure is tried again now`
  const end = pause.until === null ? 'until it is resumed' : `until ${pause.until}`
  return `${key}: ${paint('yellow', 'paused')} ${end}; what comes is queued and spooled`
}

function usage(message: string): LogweirError {
  return new LogweirError('LW_USAGE', message, 'see `logweir forwarder --help`')
}
