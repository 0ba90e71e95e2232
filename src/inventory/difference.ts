/** What a reading changes, in lines for people. */
import { KINDS, type KeptGateway, type KeptObject, type KeptTenant } from './types.ts'

/** A line for each thing that is added, changed, gone or dropped. */
export function differences(before: readonly KeptTenant[], after: readonly KeptTenant[]): string[] {
  const old = new Map(before.map((tenant) => [tenant.org.id, tenant]))
  return after.flatMap((tenant) => {
    const was = old.get(tenant.org.id)
    if (was === undefined) {
      const parts = KINDS.map(
        ([key, what]) => `${tenant[key].length} ${what}${tenant[key].length === 1 ? '' : 's'}`,
      )
      return [
        `+ tenant ${tenant.name}: organisation ${tenant.org.name} (${tenant.org.id}), ${parts.join(', ')}`,
      ]
    }
    return tenantLines(was, tenant).map((line) => `${line[0]} tenant ${tenant.name}: ${line.slice(2)}`)
  })
}

function tenantLines(was: KeptTenant, is: KeptTenant): string[] {
  const lines: string[] = []
  if (was.org.name !== is.org.name) lines.push(`~ organisation ${was.org.name} is called ${is.org.name}`)
  const state = ({ gone }: KeptTenant): string =>
    gone === null ? 'there' : gone.stopped ? 'stopped' : 'gone'
  if (state(was) !== state(is))
    lines.push(`${is.gone === null ? '+' : '-'} organisation ${is.org.name} is ${state(is)}`)
  for (const [key, what] of KINDS) {
    const before = new Map<string, KeptObject>(was[key].map((object) => [object.id, object]))
    for (const object of is[key] as readonly KeptObject[]) {
      const text = `${what} ${object.name} (${object.id})`
      const old = before.get(object.id)
      before.delete(object.id)
      if (old === undefined) lines.push(`+ ${text}`)
      else lines.push(...objectLines(old, object).map((change) => `~ ${text} ${change}`))
    }
    for (const { name, id } of before.values()) lines.push(`- ${what} ${name} (${id})`)
  }
  return lines
}

function objectLines(was: KeptObject, is: KeptObject): string[] {
  const lines: string[] = []
  if (was.name !== is.name) lines.push(`was called ${was.name}`)
  if (was.contested !== is.contested) lines.push(is.contested ? 'is contested' : 'is contested no longer')
  if (was.gone_since === null && is.gone_since !== null) lines.push('is gone, and kept for the grace time')
  if (was.gone_since !== null && is.gone_since === null) lines.push('is back')
  if (ownerOf(was) !== ownerOf(is)) lines.push(`moved from ${ownerOf(was)} to ${ownerOf(is)}`)
  const rest = (one: KeptObject): string =>
    JSON.stringify(['participants' in one ? one.participants : null, 'former' in one ? one.former : null])
  if (lines.length === 0 && rest(was) !== rest(is)) lines.push('changed')
  return lines
}

function ownerOf(one: KeptObject): string {
  return 'owner' in one ? (one as KeptGateway).owner : ''
}
