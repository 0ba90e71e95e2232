/** The inventory as it was written last. A file that cannot be read ends the reading: it must not be taken for a loss. */
import { existsSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LogweirError } from '../base/errors.ts'
import type { Finding } from '../config/findings.ts'
import { parseYaml, readBounded } from '../config/yaml.ts'
import { rulesFile } from '../rules/schema.ts'
import type { KeptGateway, KeptGroup, KeptObject, KeptTenant } from './types.ts'

const FILE_MAX = 8 * 2 ** 20
const FILES_MAX = 100_000

export interface KnownFile {
  readonly name: string
  readonly text: string
  readonly source: string
  readonly tenant: KeptTenant
}

export interface Known {
  readonly files: readonly KnownFile[]
  /** Files of the folder that somebody else wrote. */
  readonly others: readonly string[]
}

const schema = z.object({ inventory: rulesFile.shape.inventory, tenants: rulesFile.shape.tenants })
type TenantFields = NonNullable<z.output<typeof schema>['tenants']>[number]

/** The folder's files; none when it is not there. @throws {LogweirError} */
export function readKnown(folder: string): Known {
  if (!existsSync(folder)) return { files: [], others: [] }
  const files: KnownFile[] = []
  const others: string[] = []
  for (const name of readdirSync(folder).toSorted().slice(0, FILES_MAX)) {
    if (name.startsWith('.') || !/\.ya?ml$/i.test(name)) continue
    const path = join(folder, name)
    if (!lstatSync(path).isFile()) throw damaged(path, 'is not a regular file')
    const findings: Finding[] = []
    const text = readBounded(path, FILE_MAX, findings, 'limits.file_max')
    const yaml = text === undefined ? undefined : parseYaml(path, text, findings)
    if (text === undefined || yaml === undefined)
      throw damaged(path, findings[0]?.message ?? 'cannot be read')
    const { value } = yaml
    if (typeof value !== 'object' || value === null || !('inventory' in value)) {
      others.push(name)
      continue
    }
    const parsed = schema.safeParse(value)
    const [tenant, more] = parsed.success ? (parsed.data.tenants ?? []) : []
    const source = parsed.success ? parsed.data.inventory?.source : undefined
    if (tenant?.org === undefined || more !== undefined || source === undefined)
      throw damaged(path, 'is not as `inventory pull` writes it')
    files.push({ name, text, source, tenant: keptOf(tenant, tenant.org) })
  }
  const names = new Map<string, string>()
  for (const { name, tenant } of files) {
    const first = names.get(tenant.org.id)
    if (first !== undefined) throw damaged(join(folder, name), `has the organisation of ${first}`)
    names.set(tenant.org.id, name)
  }
  return { files, others }
}

function damaged(path: string, why: string): LogweirError {
  return new LogweirError(
    'LW_INVENTORY',
    `${path} ${why}`,
    'put the file back as it was, for example from version control',
    {
      exit: 1,
    },
  )
}

function keptOf(tenant: TenantFields, org: NonNullable<TenantFields['org']>): KeptTenant {
  return {
    name: tenant.name,
    org: { id: org.id, name: org.name ?? org.id },
    gone: tenant.gone ?? null,
    org_vdcs: tenant.org_vdcs.map(objectOf),
    data_center_groups: tenant.data_center_groups.map((one): KeptGroup => {
      return { ...objectOf(one), participants: one.participants ?? [] }
    }),
    gateways: tenant.gateways.map((one): KeptGateway => {
      return { ...objectOf(one), owner: one.owner ?? '', former: one.former ?? [] }
    }),
  }
}

function objectOf(one: {
  readonly id: string
  readonly name: string
  readonly contested?: boolean | undefined
  readonly gone_since?: string | undefined
}): KeptObject {
  return { id: one.id, name: one.name, contested: one.contested === true, gone_since: one.gone_since ?? null }
}
