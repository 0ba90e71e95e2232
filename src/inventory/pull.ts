/** From Cloud Director to the files of the inventory: read all, settle what is kept, and put it there whole or not at all. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import { parseYaml } from '../config/yaml.ts'
import { valueAt } from '../config/pieces.ts'
import { type Proxy, proxyFor } from '../forward/proxy.ts'
import { isRuleTests, listRules } from '../rules/read-folder.ts'
import { parseId } from '../rules/read-ids.ts'
import { readRules } from '../rules/read.ts'
import { Lanes } from './collection.ts'
import type { LabelRules } from './contest.ts'
import { differences } from './difference.ts'
import { Http } from './http.ts'
import { type KnownFile, readKnown } from './known.ts'
import { reconcile } from './reconcile.ts'
import { scanAll } from './scan.ts'
import { Session } from './session.ts'
import { tenantText } from './text.ts'
import type { KeptTenant } from './types.ts'
import { type FileChanges, isHalfWritten, withFolder, writeFiles } from './write.ts'

export interface PullOptions {
  readonly url: URL
  /** API token; asked for at each pull, so that a file may have another one by then. */
  readonly token: () => Promise<string>
  /** Keeps the token that a service account got instead. */
  readonly rotated: (token: string) => Promise<void>
  readonly org: string | null
  /** File with PEM certificates. */
  readonly ca: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the inventory's files stand. */
  readonly folder: string
  /** The rules folder: names that are taken, and label formats; null: only the shipped ones count. */
  readonly rules: string | null
  readonly grace: number
  readonly max_loss: number
  readonly dry_run: boolean
  readonly clock: Clock
  /** Milliseconds for one answer, and for all of the reading. */
  readonly timeout: { readonly answer: number; readonly all: number }
}

export interface Pulled {
  readonly version: string
  readonly counts: {
    readonly tenants: number
    readonly org_vdcs: number
    readonly data_center_groups: number
    readonly gateways: number
  }
  /** What changed, a line each. */
  readonly differences: readonly string[]
  /** What somebody should look at, a line each. */
  readonly alarms: readonly string[]
  /** Files written or removed; with a dry run: that would be. */
  readonly files: number
  readonly written: boolean
}

/** Requests on their way at once: quick for thousands of tenants, and no burden for Cloud Director. */
const LANES = 6
const RULES_LIMITS = { forwarders_per_tenant: 1000, file_max: 8 * 2 ** 20 }
const FILE_MAX = 8 * 2 ** 20
/** Characters of an id that make a file's name its own. */
const ID_MARK = 8

/** Reads and writes once. @throws {LogweirError} with nothing changed. */
export async function pull(options: PullOptions): Promise<Pulled> {
  try {
    if (!options.dry_run) return await withFolder(options.folder, () => pullInto(options))
    if (isHalfWritten(options.folder))
      throw failed(
        `${options.folder} was left half written`,
        'pull without `--dry-run`, which completes it first',
      )
    return await pullInto(options)
  } catch (error) {
    // What the system says of files and folders; everything else is a bug.
    if (error instanceof LogweirError || errorCode(error) === undefined) throw error
    throw failed(
      `${options.folder}: ${errorText(error)}`,
      'nothing was changed; mend the folder and pull again',
    )
  }
}

async function pullInto(options: PullOptions): Promise<Pulled> {
  const { folder, url } = options
  const source = url.origin
  const known = readKnown(folder)
  const stranger = known.files.find((file) => file.source !== source)
  if (stranger !== undefined)
    throw failed(
      `${join(folder, stranger.name)} is of ${stranger.source}, not of ${source}`,
      'give each Cloud Director a folder of its own with `--to`',
    )
  const { scan, version } = await read(options)
  const tenants = known.files.map(({ tenant }) => tenant)
  const settled = reconcile(tenants, scan, {
    now: options.clock.wall(),
    grace: options.grace,
    max_loss: options.max_loss,
    taken: options.rules === null ? [] : namesIn(options.rules, folder),
    rules: labelRules(options.rules, folder),
  })
  if (settled.refusals.length > 0)
    throw failed(
      settled.refusals.join('; '),
      'nothing was changed; when that is right, allow it with `--max-loss`',
    )
  const named = filesOf(settled.tenants, known.files)
  const changes = changesOf(
    known.files,
    settled.tenants.map((tenant) => [named(tenant), tenantText(tenant, source)] as const),
  )
  const clash = known.others.find((name) => changes.has(name))
  if (clash !== undefined)
    throw failed(
      `${join(folder, clash)} is in the way: it was not written by \`inventory pull\``,
      'move it elsewhere',
    )
  if (!options.dry_run) writeFiles(folder, changes)
  return {
    version,
    counts: {
      tenants: scan.orgs.length,
      org_vdcs: scan.vdcs.length,
      data_center_groups: scan.groups.length,
      gateways: scan.gateways.length,
    },
    differences: differences(tenants, settled.tenants),
    alarms: settled.alarms,
    files: changes.size,
    written: !options.dry_run && changes.size > 0,
  }
}

async function read(options: PullOptions) {
  const { url, clock, timeout } = options
  const shown = url.origin
  const http = new Http({
    url,
    ca: options.ca === null ? null : readCa(options.ca),
    proxy: proxyOf(options),
    clock,
    connections: LANES,
    timeout: timeout.answer,
    signal: AbortSignal.timeout(timeout.all),
  })
  try {
    const { org, rotated } = options
    const session = await Session.open({ http, shown, token: await options.token(), org, rotated })
    return { scan: await scanAll(session, new Lanes(LANES), shown), version: session.version }
  } finally {
    await http.close()
  }
}

function proxyOf({ url, env }: PullOptions): Proxy | null {
  try {
    return proxyFor(null, url, env)
  } catch (error) {
    throw failed(errorText(error), 'correct the variable, or unset it')
  }
}

function readCa(file: string): string {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  } catch (error) {
    throw failed(`${file}: ${errorText(error)}`, 'name a file with PEM certificates')
  }
  throw failed(`${file} holds no certificate`, 'name a file with PEM certificates')
}

/** Which file each tenant stands in, none in that of another. */
function filesOf(
  tenants: readonly KeptTenant[],
  files: readonly KnownFile[],
): (tenant: KeptTenant) => string {
  // A file that somebody renamed stays where it is, unless the rules would not be read from there.
  const names = new Map(
    files.flatMap(({ name, tenant }) => (isRuleTests(name) ? [] : [[tenant.org.id, name] as const])),
  )
  const taken = new Set([...names.values()].map((name) => name.toLowerCase()))
  for (const { name, org } of tenants) {
    if (names.has(org.id)) continue
    const free = [name, `${name}-${org.id.slice(0, ID_MARK)}`]
      .map((stem) => `${stem}.yaml`)
      .find((file) => !isRuleTests(file) && !taken.has(file.toLowerCase()))
    const file = free ?? `org-${org.id}.yaml`
    names.set(org.id, file)
    taken.add(file.toLowerCase())
  }
  return ({ name, org }) => names.get(org.id) ?? `${name}.yaml`
}

function changesOf(before: readonly KnownFile[], after: readonly (readonly [string, string])[]): FileChanges {
  const old = new Map(before.map(({ name, text }) => [name, text]))
  const stay = new Set(after.map(([name]) => name))
  const go = before.filter(({ name }) => !stay.has(name)).map(({ name }) => [name, null] as const)
  return new Map([...go, ...after.filter(([name, text]) => old.get(name) !== text)])
}

/** Names of the tenants that people wrote, with their organisation. What cannot be read has none: `check` says why. */
function namesIn(rules: string, folder: string): { name: string; org: string | null }[] {
  const ignored: Finding[] = []
  return listRules(rules, ignored)
    .filter((path) => !path.startsWith(`${folder}/`))
    .flatMap((path) => {
      let text: string
      try {
        text = readFileSync(path, 'utf8')
      } catch {
        return []
      }
      const value = text.length > FILE_MAX ? undefined : parseYaml(path, text, ignored)?.value
      const tenants = valueAt(value, ['tenants'])
      if (!Array.isArray(tenants)) return []
      return tenants.flatMap((tenant: unknown) => {
        const [name, id] = [valueAt(tenant, ['name']), valueAt(tenant, ['org', 'id'])]
        if (typeof name !== 'string') return []
        const parsed = typeof id === 'string' ? parseId(id, 'org') : undefined
        return [{ name, org: parsed !== undefined && 'id' in parsed ? parsed.id : null }]
      })
    })
}

/** Streams and label formats of the operator; of the shipped rules where the operator's cannot be read. */
function labelRules(rules: string | null, folder: string): LabelRules {
  const ignored: Finding[] = []
  const own = rules === null ? [] : listRules(rules, ignored).filter((path) => !path.startsWith(`${folder}/`))
  const texts = own.flatMap((path) => {
    try {
      return [{ path, text: readFileSync(path, 'utf8') }]
    } catch {
      return []
    }
  })
  const model =
    readRules(rules ?? folder, RULES_LIMITS, {}, texts).model ?? readRules(folder, RULES_LIMITS, {}, []).model
  if (model === undefined) throw failed('the shipped rules cannot be read', 'install Logweir again')
  return { streams: model.streams, label_formats: model.label_formats }
}

function failed(message: string, mend: string): LogweirError {
  return new LogweirError('LW_INVENTORY', message, mend, { exit: 1 })
}
