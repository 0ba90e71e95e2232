/** `logweir show`: the effective rules of a tenant or forwarder, each value with where it was written. */
import path from 'node:path'
import { LogweirError } from '../base/errors.ts'
import type { Effective, EffectiveEntry } from '../rules/effective.ts'
import { type CliArgs, type CliCommand, CONFIG_OPTION, JSON_OPTION } from './command.ts'
import { configFile } from './config-file.ts'
import { tellFindings } from './findings.ts'
import { paint, print } from './output.ts'

export const show: CliCommand = {
  name: 'show',
  summary: 'the effective rules of a tenant or forwarder, with file:line of every value',
  argument: { name: 'tenant', summary: 'TENANT, TENANT/FORWARDER, provider or provider/FORWARDER' },
  options: [CONFIG_OPTION, JSON_OPTION],
  example: ['logweir show acme/siem --config examples/logweir.yaml'],
  run,
}

async function run(args: CliArgs): Promise<number> {
  const [tenant, forwarder] = splitName(args.argument, 'show')
  const { loadModel } = await import('../control/load.ts')
  const { effective } = await import('../rules/effective.ts')
  const file = configFile(args.text('config'))
  const { model, findings } = loadModel(file, 1, process.env)
  if (model === undefined) {
    await tellFindings(
      findings.filter(({ level }) => level === 'error'),
      process.stderr,
    )
    return 1
  }
  const entries = effective(model, tenant, forwarder)
  if (entries === undefined) throw await unknown(model.tenants, tenant, forwarder)
  if (args.flag('json')) print(JSON.stringify({ tenant, entries }))
  else for (const entry of entries) for (const line of entryLines(entry)) print(line)
  return 0
}

/** `acme/siem` apart. @throws {LogweirError} when nothing was named. */
export function splitName(argument: string | undefined, command: string): [string, string | undefined] {
  if (argument === undefined || argument === '')
    throw new LogweirError(
      'LW_USAGE',
      `\`logweir ${command}\` needs a tenant`,
      `for example \`logweir ${command} acme\``,
    )
  const slash = argument.indexOf('/')
  return slash < 0 ? [argument, undefined] : [argument.slice(0, slash), argument.slice(slash + 1)]
}

async function unknown(
  tenants: readonly { readonly name: string; readonly forwarders: readonly { readonly name: string }[] }[],
  tenant: string,
  forwarder: string | undefined,
): Promise<LogweirError> {
  const { meant } = await import('../config/nearest.ts')
  const known = tenants.find(({ name }) => name === tenant)
  if (known === undefined && tenant !== 'provider')
    return new LogweirError(
      'LW_NO_TENANT',
      `the rules have no tenant "${tenant}"`,
      meant(
        tenant,
        tenants.map(({ name }) => name),
        'tenants are',
      ),
    )
  const names = known?.forwarders.map(({ name }) => name) ?? []
  return new LogweirError(
    'LW_NO_FORWARDER',
    `${tenant} has no forwarder "${forwarder ?? ''}"`,
    meant(forwarder ?? '', names, 'forwarders are'),
  )
}

function entryLines({ name, values }: EffectiveEntry): string[] {
  const width = Math.max(...values.map(({ key }) => key.length), 0)
  const wide = Math.min(60, Math.max(...values.map(({ value }) => value.length), 0))
  return [
    paint('bold', name),
    ...values.map((one) => `  ${one.key.padEnd(width)}  ${one.value.padEnd(wide)}  ${place(one)}`.trimEnd()),
    '',
  ]
}

function place({ file, line, column, from }: Effective): string {
  if (file === null) return paint('dim', 'default')
  const at = `${path.relative(process.cwd(), file)}:${line}:${column}`
  return paint('dim', from === '' ? at : `${at} (${from})`)
}
