/** `logweir forwarder pause|resume TENANT/NAME`: what an operator does to one forwarder of the running router. */
import { LogweirError } from '../base/errors.ts'
import type { PauseAnswer } from '../control/operations.ts'
import type { AdminClient } from './admin-client.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { paint, print } from './output.ts'

export const forwarder: CliCommand = {
  name: 'forwarder',
  summary: 'pause or resume a forwarder of the running router',
  argument: {
    name: 'words',
    summary: 'pause TENANT/NAME, or resume TENANT/NAME; the provider’s are provider/NAME',
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
    'logweir forwarder pause acme/siem --for 2h --reason "SIEM is being upgraded"',
    'logweir forwarder resume acme/siem',
  ],
  run,
}

const ACTIONS: Readonly<
  Record<string, (client: AdminClient, path: string, args: CliArgs) => Promise<number>>
> = {
  pause: (client, path, args) => change(client, `${path}/pause`, args),
  resume: (client, path, args) => change(client, `${path}/resume`, args),
}

async function run(args: CliArgs): Promise<number> {
  const [action = '', key, ...more] = args.all
  const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (act === undefined || key === undefined || more.length > 0)
    throw usage(`write ${Object.keys(ACTIONS).join(' or ')}, and one TENANT/NAME`)
  const slash = key.indexOf('/')
  if (slash <= 0 || slash === key.length - 1) throw usage('a forwarder is named as TENANT/NAME')
  if (action !== 'pause' && (args.text('for') ?? args.text('reason')) !== undefined)
    throw usage('--for and --reason belong to pause')
  const { adminClient } = await import('./admin-client.ts')
  const config = args.text('config')
  const admin = args.text('admin')
  const client = adminClient({
    ...(config === undefined ? {} : { config }),
    ...(admin === undefined ? {} : { admin }),
  })
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

function inWords({ forwarder: key, state, pause }: PauseAnswer): string {
  if (state === 'resumed') return `${key}: ${paint('green', 'resumed')}`
  if (state === 'not paused' || pause === null) return `${key}: was not paused`
  const end = pause.until === null ? 'until it is resumed' : `until ${pause.until}`
  return `${key}: ${paint('yellow', 'paused')} ${end}; what comes is queued and spooled`
}

function usage(message: string): LogweirError {
  return new LogweirError('LW_USAGE', message, 'see `logweir forwarder --help`')
}
