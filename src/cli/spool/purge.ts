/** `spool purge`: gives up what is on disk for one forwarder, and says so first. */
import { LogweirError } from '../../base/errors.ts'
import { spoolSettings } from '../../control/spool-settings.ts'
import { lockDataFolder } from '../../spool/lock.ts'
import { purgeSpool } from '../../spool/stopped.ts'
import { adminClient } from '../admin-client.ts'
import { readSettings } from '../config-file.ts'
import { print } from '../output.ts'
import { type SpoolOptions, tell } from './folder.ts'
import { nothing, stocksOf } from './list.ts'
import { ageText } from '../text-table.ts'

interface PurgeAnswer {
  readonly events: number
  readonly bytes: number
}

/** Without `yes` only says what would go, and ends with 1. */
export async function purge(options: SpoolOptions, key: string, yes: boolean): Promise<number> {
  if (key.indexOf('/') <= 0 || key.endsWith('/'))
    throw new LogweirError('LW_USAGE', 'a forwarder is named as TENANT/NAME', 'see `logweir spool --help`')
  const { stocks, survey } = await stocksOf(options)
  const stock = stocks.find(({ tenant, forwarder }) => `${tenant}/${forwarder}` === key)
  if (stock === undefined || stock.events === 0) throw nothing(key)
  const { tenant, forwarder, events, oldest_seconds } = stock
  const what = `tenant ${tenant}, forwarder ${forwarder}: ${events} events, the oldest of ${ageText(oldest_seconds)} ago`
  if (!yes) {
    if (options.json) print(JSON.stringify({ purged: false, tenant, forwarder, events, oldest_seconds }))
    else print(what)
    throw new LogweirError('LW_SPOOL_YES', 'nothing was purged', 'add `--yes` to lose them for good', {
      exit: 1,
    })
  }
  if (!options.json) print(what)
  const gone = survey === undefined ? await online(options, key) : await offline(options, key)
  if (options.json)
    print(JSON.stringify({ purged: true, tenant, forwarder, events: gone.events, oldest_seconds }))
  else print(`${gone.events} events were purged`)
  return 0
}

async function online(options: SpoolOptions, key: string): Promise<PurgeAnswer> {
  const name = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)]
    .map(encodeURIComponent)
    .join('/')
  return (await adminClient(options.router).post(`/api/v1/forwarders/${name}/purge`)) as PurgeAnswer
}

async function offline(options: SpoolOptions, key: string): Promise<PurgeAnswer> {
  const settings = await readSettings(options.router.config)
  const lock = lockDataFolder(settings.data)
  try {
    const gone = purgeSpool(spoolSettings(settings), key, tell).filter((one) => one.key === key)
    return {
      events: gone.reduce((sum, { events }) => sum + events, 0),
      bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  } finally {
    lock.release()
  }
}
