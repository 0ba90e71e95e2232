/** What the demo concludes from what arrived. Decisions only. */
import type { DemoTenant } from './layout.ts'

/** What one forwarder's receiver got. */
export interface Received {
  readonly tenant: string
  readonly forwarder: string
  readonly lines: readonly string[]
}

/**
 * Lines that reached a tenant and are not its own. Judged without Logweir's parsers: the last thing in the line that
 * belongs to any tenant must belong to the one who got it, because labels stand behind everything that others may write.
 */
export function foreignLines(
  received: readonly Received[],
  tenants: readonly DemoTenant[],
): { readonly tenant: string; readonly line: string }[] {
  return received.flatMap(({ tenant, lines }) => {
    if (tenant === 'provider') return []
    return lines.filter((line) => ownerOf(line, tenants) !== tenant).map((line) => ({ tenant, line }))
  })
}

function ownerOf(line: string, tenants: readonly DemoTenant[]): string | undefined {
  const text = messageOf(line).toLowerCase()
  let owner: string | undefined
  let last = -1
  for (const { name, marks } of tenants) {
    for (const mark of marks) {
      const at = text.lastIndexOf(mark)
      if (at > last) {
        last = at
        owner = name
      }
    }
  }
  return owner
}

/** Of JSON only the sender's own text: what Logweir says about the owner proves nothing here. */
function messageOf(line: string): string {
  if (!line.startsWith('{')) return line
  try {
    const { message } = JSON.parse(line) as { message?: unknown }
    return typeof message === 'string' ? message : line
  } catch {
    return line
  }
}
