/** `logweir test`: runs the rule tests, and says what no test reaches. */
import { dirname, resolve } from 'node:path'
import { type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { configFile } from './config-file.ts'
import { tellFindings } from './findings.ts'
import { paint, print } from './output.ts'

export const testCommand: CliCommand = {
  name: 'test',
  summary: 'run the rule tests (`*.test.yaml`) and say what none of them reaches',
  argument: {
    name: 'path',
    summary: 'files, and folders that hold some; the rules folder of the configuration when left out',
    many: true,
  },
  options: [CONFIG_OPTION, JSON_OPTION],
  example: ['logweir test --config examples/logweir.yaml', 'logweir test rules/vmware.test.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const { testFiles } = await import('./rule-tests/files.ts')
  const { runTests } = await import('./rule-tests/run.ts')
  const report = await import('./rule-tests/report.ts')
  const config = args.text('config')
  const named = args.all.length > 0 ? args.all : [await rulesFolder(config)]
  const files = testFiles(named)
  const done = runTests(files, config)
  const { shippedRules } = await import('../rules/read.ts')
  const home = dirname(shippedRules() ?? '')
  const shipped = files.some((one) => dirname(resolve(one)) === home)
  const failed = done.results.filter((one) => one.failed > 0)
  const bad = done.findings.length > 0 || failed.length > 0 || done.results.length === 0
  if (args.flag('json')) {
    print(JSON.stringify(report.runJson(done)))
    return bad ? 1 : 0
  }
  const { sortFindings } = await import('../config/findings-format.ts')
  await tellFindings(sortFindings(done.findings))
  for (const one of failed) for (const line of report.failureLines(one)) print(line)
  for (const { name, plan, tracer, coverage } of done.sets) {
    if (done.sets.length > 1) print(`rules of ${name}:`)
    for (const line of report.coverageLines(coverage.report(plan, tracer.places), shipped)) print(line)
  }
  if (done.results.length === 0 && done.findings.length === 0) print(`no tests in ${named.join(', ')}`)
  const events = done.results.reduce((sum, one) => sum + one.events, 0)
  const verdict = bad ? paint('red', 'failed') : paint('green', 'ok')
  const wrong = done.findings.length === 0 ? '' : `, ${done.findings.length} mistakes in tests`
  print(
    `${verdict}: ${done.results.length - failed.length} tests passed, ${failed.length} failed${wrong}; ${events} events`,
  )
  return bad ? 1 : 0
}

async function rulesFolder(config: string | undefined): Promise<string> {
  const { loadSettings } = await import('../config/settings.ts')
  const file = configFile(config)
  const { rules } = loadSettings(file, process.env)
  if (rules !== undefined) return rules
  const { readSettings } = await import('./config-file.ts')
  return (await readSettings(config)).rules
}
