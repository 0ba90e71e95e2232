/** The schema of keys other than labels: what a tenant has, and where they stand in a stream's events. */
import { z } from 'zod'
import { name, refuse, say, table, text } from '../config/fields.ts'
import { quoted } from '../config/quantities.ts'
import { bareUuid } from './read-ids.ts'

/** Keys of one kind that one tenant can have. */
const KEYS_MAX = 100_000

/** Ids of NSX's default project and of its parts: they are the provider's, and stand in most events. */
const NOBODYS_PROJECTS: readonly string[] = ['default', '-', '/']

const project = z
  .string()
  .max(256, say('is longer than any id'))
  .transform((value, ctx) => {
    if (!/^[\x21-\x7e]+$/.test(value) || /["\\\]]/.test(value)) {
      return refuse(
        ctx,
        say(`${quoted(value)} is not the id of a project`, 'write it as NSX has it, without its name'),
      )
    }
    if (NOBODYS_PROJECTS.includes(value.toLowerCase())) {
      return refuse(ctx, say(`${quoted(value)} is nobody’s project`, 'name a project of this tenant only'))
    }
    return value
  })

const uuid = (what: string): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> =>
  z
    .string()
    .max(128, say('is longer than any id'))
    .transform((value, ctx) => {
      const id = bareUuid(value)
      return id ?? refuse(ctx, say(`${quoted(value)} is not a UUID`, `write the UUID of ${what}`))
    })

/** UUID, or as a line has it: two halves of hex digits with a colon. */
export const interfaceId = z
  .string()
  .max(128, say('is longer than any id'))
  .transform((value, ctx) => {
    const [, high = '', low = ''] = /^\s*([0-9a-f]{1,16}):([0-9a-f]{1,16})\s*$/i.exec(value) ?? []
    const id = bareUuid(high === '' ? value : high.padStart(16, '0') + low.padStart(16, '0'))
    const hint = '`get firewall interfaces` on the edge node shows them'
    return id ?? refuse(ctx, say(`${quoted(value)} is not the UUID of an interface`, hint))
  })

const ruleId = z.union([z.int(), z.string()], { error: 'expected a number' }).transform((value, ctx) => {
  const digits = String(value).trim()
  if (/^[0-9]{1,20}$/.test(digits)) return digits.replace(/^0+(?=.)/, '')
  return refuse(ctx, say(`${quoted(digits)} is not a rule id`, 'write the number of the rule'))
})

const ruleIds = table({
  site: text(64).optional().describe('The rules count for senders of this site: sources[].site.'),
  source: name().optional().describe('Or for the senders of this source only.'),
  ids: z.array(ruleId).min(1).max(KEYS_MAX).describe('Rule ids as they stand in lines.'),
}).refine(
  ({ site, source }) => (site === undefined) !== (source === undefined),
  say('needs either `site` or `source`', 'rule ids are unique in one NSX manager only'),
)

/** Parts of a tenant. */
export const keyParts = {
  nsx_projects: z
    .array(project)
    .max(KEYS_MAX)
    .prefault([])
    .describe('NSX 4 project and VPC ids, as they stand in structured data.'),
  rule_ids: z.array(ruleIds).max(1000).prefault([]).describe('Rules of this tenant, by site or source.'),
  cf_organizations: z
    .array(uuid('the organization'))
    .max(KEYS_MAX)
    .prefault([])
    .describe('Cloud Foundry organizations: organization_id of their lines.'),
}

const SPANS = { interface: true, rule_id: true, project: false, organization: false } as const

/** A key of a stream. */
export const streamKey = table({
  key: z
    .enum(['project', 'interface', 'rule_id', 'organization'])
    .describe('What it is: a tenant’s nsx_projects, interfaces of its gateways, rule_ids, cf_organizations.'),
  structured_data: table({
    id: text(64).describe('SD-ID.'),
    param: z
      .union([text(64), z.array(text(64)).min(1).max(8)], { error: 'expected text or a list of texts' })
      .transform((value) => (typeof value === 'string' ? [value] : value))
      .describe('Parameter, or parameters, that hold it.'),
  })
    .optional()
    .describe('Where a project or organization stands.'),
}).superRefine(({ key, structured_data }, ctx) => {
  if (SPANS[key] === (structured_data === undefined)) return
  const message = SPANS[key]
    ? say(`\`${key}\` is a field of firewall lines`, 'remove `structured_data`')
    : say(`\`${key}\` needs \`structured_data\``, 'say in which element and parameter it stands')
  ctx.addIssue({ code: 'custom', message })
})
