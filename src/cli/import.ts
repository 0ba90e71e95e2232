/** `logweir import log-insight`: forwarders of Log Insight as rules. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { errorText, LogweirError } from '../base/errors.ts'
import { type CliArgs, type CliCommand, JSON_OPTION } from './command.ts'
import { print, say } from './output.ts'

const FILE_MAX = 64 * 2 ** 20

export const importCommand: CliCommand = {
  name: 'import',
  summary: 'make rules from the forwarders of Log Insight',
  argument: {
    name: 'what',
    summary: 'log-insight, and the file with what GET /api/v2/log-forwarder answered',
    many: true,
  },
  options: [
    {
      name: 'inventory',
      kind: 'text',
      value: 'DIR',
      summary: 'rules that know the tenants’ objects: UUIDs and labels in filters become ownership',
    },
    {
      name: 'to',
      kind: 'text',
      value: 'FILE',
      summary: 'write the rules there; standard output when left out',
    },
    JSON_OPTION,
  ],
  example: [
    'logweir import log-insight forwarders.json --inventory rules/inventory --to rules/imported.yaml',
  ],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const [what, file, more] = args.all
  if (what !== 'log-insight' || file === undefined || more !== undefined)
    throw new LogweirError(
      'LW_USAGE',
      'what is to be imported?',
      'write `logweir import log-insight FILE.json`',
    )
  const value = await readJson(file)
  const inventory = args.text('inventory')
  const { importLogInsight } = await import('../import/log-insight.ts')
  const owners = inventory === undefined ? null : await ownersOf(inventory)
  const imported = make(() => importLogInsight(value, owners), file)
  const to = args.text('to')
  if (to !== undefined)
    await writeFile(to, imported.yaml, { flag: 'wx', mode: 0o640 }).catch((error: unknown) => {
      throw new LogweirError('LW_USAGE', `${to}: ${errorText(error)}`, 'name a file that is not there yet')
    })
  if (args.flag('json')) print(JSON.stringify(imported))
  else if (to === undefined) print(imported.yaml.trimEnd())
  for (const line of imported.not_carried) say(`not carried: ${line}`)
  say(`${imported.forwarders} forwarder${imported.forwarders === 1 ? '' : 's'} carried`)
  return 0
}

function make<Made>(act: () => Made, file: string): Made {
  try {
    return act()
  } catch (error) {
    throw new LogweirError('LW_IMPORT', `${file}: ${errorText(error)}`, 'save what the API answered', {
      exit: 1,
    })
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    if ((await stat(file)).size > FILE_MAX) throw new Error('is larger than 64 MiB')
    return JSON.parse(await readFile(file, 'utf8')) as unknown
  } catch (error) {
    throw new LogweirError('LW_IMPORT', `${file}: ${errorText(error)}`, 'name a file with JSON')
  }
}

async function ownersOf(folder: string) {
  const { readRules } = await import('../rules/read.ts')
  const { OwnerTexts } = await import('../import/owners.ts')
  const { model, findings } = readRules(folder, { forwarders_per_tenant: 1000, file_max: 8 * 2 ** 20 })
  if (model !== undefined) return new OwnerTexts(model)
  const first = findings.find(({ level }) => level === 'error')
  const place = first === undefined ? folder : `${first.file}:${first.line}`
  throw new LogweirError(
    'LW_IMPORT',
    `${place}: ${first?.message ?? 'cannot be read'}`,
    'correct these rules first',
    { exit: 1 },
  )
}
