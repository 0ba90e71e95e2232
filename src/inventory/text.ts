/** A tenant of the inventory as the text of its file: every reading that says the same makes the same bytes. */
import type { KeptGateway, KeptGroup, KeptObject, KeptTenant } from './types.ts'

const HEAD = `# Written by \`logweir inventory pull\`: what is changed here by hand is lost. Forwarders of the tenant stand in a file of your
# own, with the same \`org.id\`.
version: 1
`

/** `source` is the Cloud Director that it was read from. */
export function tenantText(tenant: KeptTenant, source: string): string {
  const { name, org, gone } = tenant
  const lines = [
    `inventory: { source: ${quote(source)} }`,
    'tenants:',
    `  - name: ${quote(name)}`,
    `    org: { id: ${quote(org.id)}, name: ${quote(org.name)} }`,
    ...(gone === null ? [] : [`    gone: { since: ${quote(gone.since)}, stopped: ${gone.stopped} }`]),
    ...list('org_vdcs', tenant.org_vdcs.map(common)),
    ...list('data_center_groups', tenant.data_center_groups.map(group)),
    ...list('gateways', tenant.gateways.map(gateway)),
  ]
  return `${HEAD}${lines.join('\n')}\n`
}

/** JSON's quoting is YAML's double-quoted style. */
function quote(text: string): string {
  return JSON.stringify(text)
}

function list(key: string, entries: readonly (readonly string[])[]): string[] {
  if (entries.length === 0) return []
  return [`    ${key}:`, ...entries.map((fields) => `      - { ${fields.join(', ')} }`)]
}

function common({ id, name, contested, gone_since }: KeptObject): string[] {
  return [
    `name: ${quote(name)}`,
    `id: ${quote(id)}`,
    ...(contested ? ['contested: true'] : []),
    ...(gone_since === null ? [] : [`gone_since: ${quote(gone_since)}`]),
  ]
}

/** With its participants even where there are none: then nobody can be given copies. */
function group(one: KeptGroup): string[] {
  return [...common(one), `participants: [${one.participants.map(quote).join(', ')}]`]
}

function gateway(one: KeptGateway): string[] {
  const former = one.former.map(({ owner, since }) => `{ owner: ${quote(owner)}, since: ${quote(since)} }`)
  return [
    ...common(one),
    `owner: ${quote(one.owner)}`,
    ...(former.length === 0 ? [] : [`former: [${former.join(', ')}]`]),
  ]
}
