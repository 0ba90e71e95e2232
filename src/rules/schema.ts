/** The schema of a rules file, in parts: what stands at the top, tenants, streams and label formats. */
import { z } from 'zod'
import { Fw, HEADER_FORM_NAMES } from '../classify/view.ts'
import { count, name, say, table, text } from '../config/fields.ts'
import { idOf } from './read-ids.ts'
import { interfaceId, keyParts, streamKey } from './schema-keys.ts'
import { formerOwners, gone, inventory, participants, sharedEntry, stateParts } from './schema-inventory.ts'
import { defaultsSchema, providerForwarder, tenantForwarder, where } from './schema-forwarder.ts'

/** Top-level keys of later versions, refused by name. */
export const LATER_TOP: readonly string[] = ['use']

/** Names in a stream's `label`: `label` (what the grammar leaves) and the fields of the firewall grammars. */
export const CAPTURES: readonly string[] = ['label', ...Object.keys(Fw).filter((key) => key !== 'slots')]

const displayName = text(256)

const org = table({
  id: idOf('org'),
  name: displayName.optional().describe('For display; the id joins.'),
})

const orgVdc = table({
  name: displayName.describe('As in Cloud Director.'),
  id: idOf('org_vdc'),
  ...stateParts,
})

const dataCenterGroup = table({
  name: displayName.describe('As in Cloud Director: labels hold its first characters.'),
  id: idOf('data_center_group'),
  participants,
  ...stateParts,
})

const gateway = table({
  name: displayName.describe('As in Cloud Director: labels hold its first characters.'),
  id: idOf('gateway'),
  owner: text(256)
    .optional()
    .describe('Org VDC or Data Center Group of this tenant that it belongs to; name or id.'),
  interfaces: z
    .array(interfaceId)
    .max(1000)
    .prefault([])
    .describe('UUIDs of its interfaces on edge nodes: lines without a label are known by them.'),
  former: formerOwners,
  ...stateParts,
})

/** A tenant without its forwarders, which are read one by one. */
export const tenantParts = {
  name: name().describe('Logweir’s name of the tenant: unique, used for files and metrics.'),
  org: org.optional().describe('The Cloud Director organisation.'),
  gone: gone.optional().describe('Written by `inventory pull` when the organisation is gone.'),
  org_vdcs: z.array(orgVdc).max(10_000).prefault([]).describe('Org VDCs of the tenant.'),
  data_center_groups: z
    .array(dataCenterGroup)
    .max(10_000)
    .prefault([])
    .describe('Data Center Groups of the tenant.'),
  gateways: z.array(gateway).max(10_000).prefault([]).describe('Edge gateways of the tenant.'),
  ...keyParts,
  labels: z.array(text(256)).max(10_000).prefault([]).describe('Further labels, literally.'),
  rate_max: count(1, 1e9)
    .optional()
    .describe('Events a second; more are dropped as tenant_rate. Left out: no limit.'),
}

/** A tenant as editors see it. */
const tenant = table({
  ...tenantParts,
  use: z
    .union([text(64), z.array(text(64)).min(1)])
    .optional()
    .describe('Templates that it has the forwarders of.'),
  with: z.record(text(64), z.unknown()).optional().describe('Values of the templates’ parameters.'),
  forwarders: z
    .array(tenantForwarder)
    .optional()
    .describe('Where the tenant’s events go. One with the name of a template’s forwarder changes that.'),
})

const oneOrMany = z
  .union([text(), z.array(text()).min(1)], { error: 'expected text or a list of texts' })
  .transform((value) => (typeof value === 'string' ? [value] : value))

/** Firewall grammars, then families of inner fields. */
const GRAMMAR_NAMES = ['dfw', 'gateway', 'nsxv_edge', 'esxi', 'vcenter', 'nsx', 'vcd', 'cf'] as const

const streamMatch = table({
  program: oneOrMany.optional().describe('APP-NAME, or the tag without [pid]: any of these.'),
  msg_id: oneOrMany.optional().describe('MSGID: any of these.'),
  proc_id: oneOrMany.optional().describe('PROCID, or the tag’s brackets, begins with any of these.'),
  header: z.array(z.enum(HEADER_FORM_NAMES)).min(1).optional().describe('The header has any of these forms.'),
  structured_data: table({
    id: oneOrMany.describe('SD-ID: an element with any of these.'),
    params: z.record(text(), oneOrMany).prefault({}).describe('Parameters and the values they may have.'),
  })
    .optional()
    .describe('A structured-data element with these parameters.'),
  message: oneOrMany.optional().describe('The message begins with any of these.'),
  contains: oneOrMany
    .optional()
    .describe(
      'The first 512 bytes of the message hold any of these; in no other way recognised events only.',
    ),
  body: z
    .enum(GRAMMAR_NAMES)
    .optional()
    .describe('The message is wholly read by this firewall grammar, or begins as the family’s do.'),
  ruleset: oneOrMany
    .optional()
    .describe('The word before a firewall line’s rule id begins with any of these.'),
}).refine((match) => Object.keys(match).length > 0, say('would match every event', 'name at least one key'))

const streamName = text(64).regex(
  /^[a-z0-9][a-z0-9._-]*$/i,
  say('is not a name', 'use letters, digits, `.`, `_` and `-`'),
)

const capture = table({
  after: oneOrMany.describe('Texts behind which the value stands; the first that is there.'),
  keep: z.boolean().prefault(false).describe('The text of `after` belongs to the value.'),
  until: z
    .string()
    .regex(/^[\x00-\x7f]{1,32}$/, say('is not a set of characters', 'name 1 to 32 ASCII characters'))
    .prefault(' ')
    .describe('Characters of which any ends the value.'),
})

const fingerprint = z
  .string()
  .regex(/^sha-[0-9a-f]{12}$/, say('is not a fingerprint', 'leave it out: `check` says what to write'))

export const stream = table({
  name: streamName.describe('As it stands in events: `stream`.'),
  replaces: fingerprint.optional().describe('Of the shipped one whose place it takes, as `check` says it.'),
  grammar: z
    .enum(['none', ...GRAMMAR_NAMES])
    .prefault('none')
    .describe('Parser of the message; none: recognition only.'),
  match: z.array(streamMatch).min(1).max(64).describe('Ways to recognise it: any of these.'),
  label: text(64)
    .prefault('none')
    .describe('Where the label stands: rest, none, or a capture of the grammar.'),
  label_formats: z
    .array(text(64))
    .max(64)
    .prefault([])
    .describe('Formats by which its labels are looked up.'),
  keys: z
    .array(streamKey)
    .max(16)
    .prefault([])
    .describe('Keys other than labels that name the tenant, and where they stand.'),
  captures: z
    .record(text(64), capture)
    .optional()
    .describe('Where inner fields of the grammar stand that it does not find by itself.'),
})

const labelPart = table({
  take: z.enum(['name', 'id', 'owner_id', 'owner_name']).describe('What of the object.'),
  first: count(1, 256).optional().describe('So many characters from its start; left out: all.'),
  last: count(1, 256).optional().describe('So many characters from its end instead.'),
  blanks: z
    .array(z.enum(['keep', 'remove', '_', '-']))
    .min(1)
    .prefault(['keep'])
    .describe('Blanks inside names: as they are, without, or each of them as this character.'),
  non_ascii: z
    .array(z.enum(['keep', 'remove', '?', '_']))
    .min(1)
    .prefault(['keep'])
    .describe('Other characters than ASCII in names: as they are, without, or each as this character.'),
  hyphens: z
    .array(z.enum(['keep', 'remove']))
    .min(1)
    .prefault(['keep'])
    .describe('Ids with hyphens, without, or both.'),
  alone: z.boolean().prefault(false).describe('This part identifies by itself at its place.'),
})

export const labelFormat = table({
  name: streamName.describe('As it stands in events: `owner.by`.'),
  replaces: fingerprint.optional().describe('Of the shipped one whose place it takes, as `check` says it.'),
  of: z.enum(['org_vdc', 'data_center_group', 'gateway', 'org']).describe('Whose label it is.'),
  parts: z.array(labelPart).min(1).max(8).describe('What it is made of, in order.'),
  separators: z
    .array(z.string().max(8, say('is longer than 8 characters')))
    .min(1)
    .max(16)
    .prefault([''])
    .describe('What may stand between the parts.'),
  case: z.enum(['any', 'keep']).prefault('any').describe('any: letters match in either case.'),
  cut: count(8, 1024).optional().describe('Labels may be cut after so many characters.'),
})

/** As editors see it: any value may hold a parameter, so the forwarders' own schema would refuse too much. */
const template = table({
  parameters: z
    .record(
      text(64),
      table({
        default: z
          .unknown()
          .optional()
          .describe('What it is where a tenant does not say; left out: it must.'),
        description: text(1024).optional().describe('For those who use the template.'),
      }).nullable(),
    )
    .optional()
    .describe('What tenants give with `with`. `tenant`, `org.id` and `org.name` are there without.'),
  forwarders: z
    .array(z.record(text(64), z.unknown()))
    .optional()
    .describe('As those of a tenant, with ${name} where a parameter’s value is to stand.'),
  rate_max: z.unknown().optional().describe('Of tenants that say none.'),
})

/** A rules file as editors see it. */
export const rulesFile = table({
  version: z
    .int()
    .meta({ enum: [1] })
    .describe('Version of this file’s form.'),
  inventory: inventory.optional().describe('The file was written by `inventory pull`.'),
  shared: z
    .array(sharedEntry)
    .optional()
    .describe('Data Center Groups whose events other organisations get copies of.'),
  tenants: z.array(tenant).optional().describe('Organisations, what is theirs and where their events go.'),
  provider: table({
    forwarders: z.array(providerForwarder).optional().describe('The provider’s own forwarders.'),
  })
    .optional()
    .describe('The cloud pipeline.'),
  templates: z
    .record(text(64), template)
    .optional()
    .describe('Forwarders with parameters, for `use` in tenants. ${name} in a text stands for a parameter.'),
  defaults: table({
    forwarders: defaultsSchema.optional().describe('For all forwarders.'),
    tenant_forwarders: defaultsSchema.optional().describe('For the forwarders of tenants.'),
    provider_forwarders: defaultsSchema.optional().describe('For the provider’s forwarders.'),
  })
    .optional()
    .describe('What forwarders have that do not say otherwise.'),
  conditions: z.record(text(64), where).optional().describe('Conditions by name, for `use` in any `where`.'),
  streams: z.array(stream).optional().describe('How streams are recognised.'),
  label_formats: z.array(labelFormat).optional().describe('How labels are composed.'),
})
