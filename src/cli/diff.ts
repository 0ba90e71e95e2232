/** `logweir diff`: what a reload would add, change, move or lose; asks the running router and changes nothing. */
import type { Diff } from '../control/diff.ts'
import { changeLines } from './changes-text.ts'
import { ADMIN_OPTION, type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { tellFindings } from './findings.ts'
import { paint, print } from './output.ts'

export const diff: CliCommand = {
  name: 'diff',
  summary: 'what a reload would add, change, move or lose; nothing is changed',
  options: [CONFIG_OPTION, ADMIN_OPTION, JSON_OPTION],
  example: ['logweir diff --config examples/logweir.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { adminClient } = await import('./admin-client.ts')
  const client = adminClient(args.router)
  const answer = (await client.get('/api/v1/diff')) as Diff
  if (args.flag('json')) print(JSON.stringify(answer))
  else {
    const { findings, changes, held } = answer
    await tellFindings(findings)
    if (changes === null) print(`${paint('red', 'rejected')}: a reload would change nothing`)
    else {
      print('a reload would take over:')
      for (const line of changeLines(changes)) print(line)
      for (const { forwarder, events } of held)
        print(`  ${forwarder} still holds ${events} events: sent for 30 s, then kept in the spool`)
    }
  }
  return answer.ok ? 0 : 1
}
