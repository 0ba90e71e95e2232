/** What `logweir inventory pull` does: options in, one reading or one every so often, and what came of it in lines. */
import { existsSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import { isIP } from 'node:net'
import { systemClock } from '../base/clock.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { parseDuration } from '../config/quantities.ts'
import { hostOf } from '../forward/proxy.ts'
import { pull, type Pulled, type PullOptions } from '../inventory/pull.ts'
import { adminClient } from './admin-client.ts'
import type { CliArgs } from './command.ts'
import { readSettings } from './config-file.ts'
import { paint, print, say } from './output.ts'

const TOKEN_VARIABLE = 'LOGWEIR_VCD_TOKEN'
const ANSWER_MS = 60_000
const WATCH_MIN_MS = 1000
/** Lines shown of a long difference, and alarms. */
const SHOWN_MAX = 200

export async function runInventory(args: CliArgs): Promise<number> {
  const options = await optionsOf(args)
  const watch = durationOf(args, 'watch', null)
  if (watch === null) {
    const pulled = await pull(options)
    show(pulled, args.flag('json'))
    if (pulled.written && !args.flag('json')) say('`logweir reload` makes the running router take them')
    return 0
  }
  if (watch < WATCH_MIN_MS) throw usage('`--watch` is too often', 'write for example `--watch 5m`')
  if (options.dry_run) throw usage('`--dry-run` and `--watch` do not go together', 'leave one out')
  return watching(options, args, watch)
}

/** Until a signal ends it. A reading that fails changes nothing, and the next may not. */
async function watching(options: PullOptions, args: CliArgs, every: number): Promise<number> {
  const ended = Promise.withResolvers<true>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve(true))
  // A reload that failed is asked for again, although nothing changes meanwhile.
  let owed = false
  for (;;) {
    try {
      const pulled = await pull(options)
      show(pulled, args.flag('json'))
      owed ||= pulled.written
      if (owed) owed = !(await reload(args))
    } catch (error) {
      if (!(error instanceof LogweirError)) throw error
      say(
        `${paint('red', 'alarm', process.stderr)}: ${error.message}${error.mend === '' ? '' : ` (${error.mend})`}`,
      )
    }
    const next = Promise.withResolvers<false>()
    const timer = systemClock.after(every, () => next.resolve(false))
    const over = await Promise.race([ended.promise, next.promise])
    timer.cancel()
    if (over) return 0
  }
}

/** Whether the router has taken the new rules. */
async function reload(args: CliArgs): Promise<boolean> {
  const client = adminClient(args.router)
  try {
    const answer = (await client.post('/api/v1/reload')) as {
      readonly outcome?: string
      readonly generation?: number
    }
    if (answer.outcome === 'accepted') {
      say(`reloaded: generation ${answer.generation ?? 0} runs`)
      return true
    }
    say(`${paint('red', 'alarm', process.stderr)}: the router refused the rules (\`logweir check\` says why)`)
  } catch (error) {
    if (!(error instanceof LogweirError)) throw error
    say(`${paint('red', 'alarm', process.stderr)}: no reload: ${error.message}`)
  }
  return false
}

function show(pulled: Pulled, json: boolean): void {
  if (json) {
    print(JSON.stringify(pulled))
    return
  }
  const { counts, differences, alarms, files, written, version } = pulled
  for (const line of differences.slice(0, SHOWN_MAX)) print(line)
  if (differences.length > SHOWN_MAX) print(`… and ${differences.length - SHOWN_MAX} more`)
  for (const alarm of alarms.slice(0, SHOWN_MAX)) say(`${paint('yellow', 'alarm', process.stderr)}: ${alarm}`)
  if (alarms.length > SHOWN_MAX) say(`… and ${alarms.length - SHOWN_MAX} more alarms`)
  const { tenants, org_vdcs, data_center_groups, gateways } = counts
  const what =
    files === 0
      ? 'nothing changed'
      : `${files} file${files === 1 ? '' : 's'} ${written ? 'written' : 'would be written'}`
  print(
    `read ${tenants} organisations, ${org_vdcs} Org VDCs, ${data_center_groups} Data Center Groups, ${gateways} gateways (API ${version}): ${what}`,
  )
}

async function optionsOf(args: CliArgs): Promise<PullOptions> {
  const url = urlOf(args.text('url'))
  const to = args.text('to')
  const config = args.text('config')
  const named = to === undefined || config !== undefined || existsSync('logweir.yaml')
  const rules = named ? (await readSettings(config)).rules : null
  const folder = path.resolve(to ?? path.join(rules ?? '.', 'inventory'))
  return {
    url,
    ...tokenOf(args.text('token') ?? `env:${TOKEN_VARIABLE}`),
    org: args.text('org') ?? null,
    ca: args.text('ca') ?? null,
    env: process.env,
    folder,
    rules,
    grace: durationOf(args, 'grace', 86_400_000),
    max_loss: shareOf(args.text('max-loss') ?? '20%'),
    dry_run: args.flag('dry-run'),
    clock: systemClock,
    timeout: { answer: ANSWER_MS, all: durationOf(args, 'timeout', 300_000) },
  }
}

/** A token goes over TLS only; without it to this machine itself, for a tunnel. */
function urlOf(text: string | undefined): URL {
  const hint = 'write for example `--url https://vcd.example.com`'
  if (text === undefined) throw usage('`--url` is missing', hint)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw usage('`--url` is no https: URL', hint)
  if (url.username !== '' || url.password !== '')
    throw usage('`--url` holds a login', 'logins by password are not supported: make an API token')
  const host = hostOf(url)
  const here = host === 'localhost' || (isIP(host) !== 0 && (host.startsWith('127.') || host === '::1'))
  if (url.protocol === 'http:' && !here)
    throw usage('`--url` is not https:', 'the token would go over the network in clear text')
  return url
}

/** `env:NAME`, `file:PATH`, or as rules have them: `{ env: NAME }`. */
function tokenOf(text: string): Pick<PullOptions, 'token' | 'rotated'> {
  const [, kind, where] = /^\s*\{?\s*(env|file):\s*([^{}]+?)\s*\}?\s*$/.exec(text) ?? []
  if (kind === undefined || where === undefined)
    // What was written is perhaps the token itself.
    throw usage(
      '`--token` does not say where the token stands',
      'write `--token env:NAME` or `--token file:PATH`',
    )
  const checked = (token: string): string => {
    if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token
    throw usage(`${text} holds no API token`, 'put the token there, on one line')
  }
  if (kind === 'env') {
    let current: string | undefined
    return {
      token: async () => checked((current ?? process.env[where] ?? '').trim()),
      rotated: async (token) => {
        current = token
        say(
          `${paint('yellow', 'alarm', process.stderr)}: Cloud Director gave another token, which ${where} cannot keep: use \`--token file:PATH\``,
        )
      },
    }
  }
  return {
    token: async () => {
      const bytes = await readFile(where, 'utf8').catch((error: unknown) => {
        throw usage(`${where}: ${errorText(error)}`, 'name a file that this user can read')
      })
      return checked(bytes.trim())
    },
    rotated: async (token) => {
      const aside = `${where}.new`
      const file = await open(aside, 'w', 0o600)
      await file.writeFile(`${token}\n`)
      await file.sync()
      await file.close()
      await rename(aside, where)
    },
  }
}

function durationOf<None extends number | null>(args: CliArgs, name: string, otherwise: None): number | None {
  const text = args.text(name)
  if (text === undefined) return otherwise
  const parsed = parseDuration(text)
  if ('problem' in parsed) throw usage(`--${name}: ${parsed.problem}`, parsed.hint)
  return parsed.value
}

function shareOf(text: string): number {
  const [, digits, percent] = /^([0-9]{1,3}(?:\.[0-9]{1,4})?)(%?)$/.exec(text.trim()) ?? []
  const share = digits === undefined ? Number.NaN : Number(digits) / (percent === '%' ? 100 : 1)
  if (share >= 0 && share <= 1) return share
  throw usage(`--max-loss: ${text} is no share`, 'write for example `--max-loss 20%`')
}

function usage(message: string, mend: string): LogweirError {
  return new LogweirError('LW_USAGE', message, mend)
}
