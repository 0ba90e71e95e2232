/** One whole reading of Cloud Director: organisations, Org VDCs, Data Center Groups and edge gateways, as their types say. */
import { z } from 'zod'
import { type IdKind, parseId } from '../rules/read-ids.ts'
import { type Lanes, readCollection } from './collection.ts'
import { refused, type Session } from './session.ts'
import type { Scan, ScannedGateway, ScannedGroup, ScannedOrg, ScannedVdc } from './types.ts'

/** The provider's own organisation. */
const SYSTEM = 'System'

const named = z.string().min(1).max(1024)

const urn = (kind: IdKind) =>
  z
    .string()
    .max(200)
    .transform((text, ctx) => {
      const parsed = parseId(text, kind)
      if ('id' in parsed && text.startsWith('urn:')) return parsed.id
      ctx.addIssue({ code: 'custom', message: 'problem' in parsed ? parsed.problem : 'is no URN' })
      return z.NEVER
    })

const orgShape = z.object({ id: urn('org'), name: named })
const vdcShape = z.object({ id: urn('org_vdc'), name: named, org: z.object({ id: urn('org') }) })
const groupShape = z.object({
  id: urn('data_center_group'),
  name: named,
  orgId: urn('org'),
  participatingOrgVdcs: z
    .array(z.object({ orgRef: z.object({ id: urn('org') }).nullish() }))
    .max(1000)
    .nullish(),
})
const owner = z.union([urn('org_vdc'), urn('data_center_group')], {
  error: 'is no URN of an Org VDC or group',
})
const gatewayShape = z.object({
  id: urn('gateway'),
  name: named,
  ownerRef: z.object({ id: owner }).nullish(),
  orgVdc: z.object({ id: urn('org_vdc') }).nullish(),
  orgRef: z.object({ id: urn('org') }).nullish(),
})

const idOf = ({ id }: { readonly id: string }): string => id

/** One line, without what no name in a rules file may hold. */
function display(name: string): string {
  return Array.from(name.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' '))
    .slice(0, 128)
    .join('')
}

/** Reads everything, several pages at a time. @throws {LogweirError} when anything of it is not whole. */
export async function scanAll(session: Session, lanes: Lanes, shown: string): Promise<Scan> {
  const [orgs, vdcs, groups, gateways] = await Promise.all([
    readCollection(session, 'orgs', lanes, shown, readOrg, idOf),
    readCollection(session, 'vdcs', lanes, shown, readVdc, idOf),
    readCollection(session, 'vdcGroups', lanes, shown, readGroup, idOf),
    readCollection(session, 'edgeGateways', lanes, shown, readGateway, idOf),
  ])
  const own = orgs.filter(({ name }) => name !== SYSTEM)
  if (own.length === 0)
    throw refused(
      shown,
      'no organisations are seen',
      'give the role of the token the right to view organisations',
    )
  return { orgs: own, vdcs, groups, gateways: gateways.filter((one) => one !== UNOWNED && one.org !== '') }
}

const UNOWNED: ScannedGateway = { id: '', name: '', org: '', owner: '' }

function readOrg(value: unknown): ScannedOrg {
  const { id, name } = orgShape.parse(value)
  return { id, name: display(name) }
}

function readVdc(value: unknown): ScannedVdc {
  const { id, name, org } = vdcShape.parse(value)
  return { id, name: display(name), org: org.id }
}

function readGroup(value: unknown): ScannedGroup {
  const { id, name, orgId, participatingOrgVdcs } = groupShape.parse(value)
  const others = (participatingOrgVdcs ?? []).flatMap(({ orgRef }) => orgRef?.id ?? [])
  return { id, name: display(name), org: orgId, participants: [...new Set([orgId, ...others])].toSorted() }
}

/** One without an organisation, or without an owner, is the provider's own: `org` is empty. */
function readGateway(value: unknown): ScannedGateway {
  const { id, name, ownerRef, orgVdc, orgRef } = gatewayShape.parse(value)
  const parent = ownerRef?.id ?? orgVdc?.id
  if (parent === undefined || orgRef === null || orgRef === undefined) return { ...UNOWNED, id }
  return { id, name: display(name), org: orgRef.id, owner: parent }
}
