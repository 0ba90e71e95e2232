/** `logweir check`: everything that is wrong with configuration and rules, at once. Opens no port, writes nothing. */
import { type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { configFile } from './config-file.ts'
import { tellFindings } from './findings.ts'
import { paint, print } from './output.ts'

export const check: CliCommand = {
  name: 'check',
  summary: 'validate configuration and rules',
  options: [CONFIG_OPTION, JSON_OPTION],
  example: ['logweir check --config examples/logweir.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const file = configFile(args.text('config'))
  const { load } = await import('../control/load.ts')
  const { countFindings, sortFindings } = await import('../config/findings-format.ts')
  const { plan, findings: found } = load(file, 1, process.env)
  const findings = sortFindings(found)
  const { errors, warnings } = countFindings(findings)
  const status = errors > 0 ? 1 : 0
  const numbers = { tenants: plan?.tenants.length ?? null, forwarders: plan?.forwarders.length ?? null }
  if (args.flag('json')) {
    const list = findings.map(({ level, file: at, line, column, message, hint }) => {
      return { level, file: at, line, column, message, hint }
    })
    print(JSON.stringify({ ok: status === 0, errors, warnings, ...numbers, findings: list }))
    return status
  }
  await tellFindings(findings)
  const verdict = errors > 0 ? paint('red', 'not usable') : paint('green', 'ok')
  const rules =
    plan === undefined
      ? ''
      : `: ${count(plan.tenants.length, 'tenant')}, ${count(plan.forwarders.length, 'forwarder')}`
  print(`${verdict}${rules}; ${count(errors, 'error')}, ${count(warnings, 'warning')}`)
  return status
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}
