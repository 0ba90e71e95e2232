/** `logweir reload`: the running router reads configuration and rules again and says what changed, or why not. */
import type { Reload } from '../control/reload-book.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { changeLines } from './changes-text.ts'
import { tellFindings } from './findings.ts'
import { paint, print } from './output.ts'

export const reload: CliCommand = {
  name: 'reload',
  summary: 'make the running router read configuration and rules again',
  options: [CONFIG_OPTION, ADMIN_OPTION, JSON_OPTION],
  example: ['logweir reload --config examples/logweir.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { adminClient } = await import('./admin-client.ts')
  const client = adminClient(args.router)
  const answer = (await client.post('/api/v1/reload')) as Reload
  const status = answer.outcome === 'accepted' ? 0 : 1
  if (args.flag('json')) {
    print(JSON.stringify(answer))
    return status
  }
  await tellFindings(answer.findings)
  for (const line of outcome(answer)) print(line)
  return status
}

/** What a reload did, in lines. */
export function outcome({ outcome: ended, generation, changes }: Reload): string[] {
  if (ended === 'rejected')
    return [`${paint('red', 'rejected')}: generation ${generation} runs on, nothing changed`]
  const head = `${paint('green', 'accepted')}: generation ${generation} runs`
  return changes === null ? [head] : [head, ...changeLines(changes)]
}
