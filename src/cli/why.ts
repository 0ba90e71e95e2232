/** `logweir why`: the one command for "acme gets nothing". */
import { LogweirError } from '../base/errors.ts'
import type { Why } from '../control/why.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { paint, print } from './output.ts'
import { splitName } from './show.ts'
import { cell, table } from './text-table.ts'

export const why: CliCommand = {
  name: 'why',
  summary: 'why a tenant gets nothing: its last events, what was rejected, where they stop',
  argument: { name: 'tenant', summary: 'name of the tenant' },
  options: [CONFIG_OPTION, ADMIN_OPTION, JSON_OPTION],
  example: ['logweir why acme --config examples/logweir.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const [tenant, forwarder] = splitName(args.argument, 'why')
  if (forwarder !== undefined)
    throw new LogweirError('LW_USAGE', '`logweir why` takes a tenant', `write \`logweir why ${tenant}\``)
  const { adminClient } = await import('./admin-client.ts')
  const client = adminClient(args.router)
  const answer = (await client.get(`/api/v1/why/${encodeURIComponent(tenant)}`)) as Why
  if (args.flag('json')) print(JSON.stringify(answer))
  else for (const line of whyLines(answer)) print(line)
  return 0
}

export function whyLines({
  tenant,
  generation,
  events,
  objects,
  forwarders,
  orphaned,
  hints,
}: Why): string[] {
  const orphans = Object.entries(orphaned).filter(([, count]) => count > 0)
  return [
    `${tenant}: ${events.start} events since the start, ${events.generation} under the rules that run (generation ${generation})`,
    '',
    ...table(
      ['object', 'found by', 'events', 'last event'],
      objects.map((one) => [cell(one.object, 50), one.by, String(one.events), one.last ?? 'never']),
    ),
    '',
    ...table(
      ['forwarder', 'state', 'asked', 'rejected', 'delivered', 'held', 'to'],
      forwarders.map((one) => [
        one.forwarder,
        one.state,
        String(one.asked),
        String(one.rejected),
        String(one.delivered),
        String(one.held),
        cell(one.to, 60),
      ]),
    ),
    '',
    `orphans of all tenants: ${orphans.length === 0 ? 'none' : orphans.map(([reason, count]) => `${reason} ${count}`).join(', ')}`,
    '',
    ...(hints.length === 0
      ? [paint('green', 'nothing looks wrong')]
      : hints.map((hint) => paint('yellow', `- ${cell(hint, 400)}`))),
  ]
}
