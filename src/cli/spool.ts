/** `logweir spool …`: what is on disk, per forwarder, of the running router or of a stopped one's data folder. */
import { LogweirError } from '../base/errors.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'

export const spool: CliCommand = {
  name: 'spool',
  summary: 'list, show, export, import, purge or recover what is on disk',
  argument: {
    name: 'words',
    summary: 'list; show TENANT[/NAME]; export TENANT[/NAME] FILE; import FILE; purge TENANT/NAME; recover',
    many: true,
  },
  options: [
    {
      name: 'as',
      kind: 'text',
      value: 'FORM',
      choices: ['batches', 'events'],
      summary: 'export: batches as they were written, which can be imported (the default), or single events',
    },
    { name: 'yes', kind: 'flag', summary: 'purge: do it; without it only says what would go' },
    CONFIG_OPTION,
    ADMIN_OPTION,
    JSON_OPTION,
  ],
  example: [
    'logweir spool list',
    'logweir spool export acme/siem acme.ndjson',
    'logweir spool purge acme/siem --yes',
  ],
  run,
}

/** How many words stand behind each action, at least and at most. */
const ACTIONS: Readonly<Record<string, readonly [number, number]>> = {
  list: [0, 0],
  show: [1, 1],
  export: [2, 2],
  import: [1, 1],
  purge: [1, 1],
  recover: [0, 0],
}

async function run(args: CliArgs): Promise<number> {
  const [action = '', ...words] = args.all
  const [least, most] = Object.hasOwn(ACTIONS, action) ? (ACTIONS[action] ?? [0, 0]) : [1, 0]
  if (words.length < least || words.length > most) {
    throw usage(
      'write list, show TENANT[/NAME], export TENANT[/NAME] FILE, import FILE, purge TENANT/NAME or recover',
    )
  }
  if (action !== 'export' && args.text('as') !== undefined) throw usage('--as belongs to export')
  if (action !== 'purge' && args.flag('yes')) throw usage('--yes belongs to purge')
  const options = {
    router: args.router,
    json: args.flag('json'),
  }
  const [first = '', second = ''] = words
  if (action === 'list' || action === 'show') {
    const { listSpool } = await import('./spool/list.ts')
    return listSpool(options, action === 'show' ? first : undefined)
  }
  if (action === 'purge') {
    const { purge } = await import('./spool/purge.ts')
    return purge(options, first, args.flag('yes'))
  }
  const { exportSpool, importSpool, recoverSpool } = await import('./spool/move.ts')
  if (action === 'export') return exportSpool(options, first, second, args.text('as') === 'events')
  return action === 'import' ? importSpool(options, first) : recoverSpool(options)
}

function usage(message: string): LogweirError {
  return new LogweirError('LW_USAGE', message, 'see `logweir spool --help`')
}
