/** `logweir run`: the router until SIGTERM or SIGINT; SIGHUP reloads. */
import { systemClock } from '../base/clock.ts'
import { armFaults } from '../base/faults.ts'
import { formatFindings } from '../config/findings-format.ts'
import type { Finding } from '../config/findings.ts'
import type { Settings } from '../config/types.ts'
import { inlineMore } from '../control/inlining.ts'
import { makeLog, type Log } from '../control/log.ts'
import { loadForStart, RefusedFiles } from '../control/start-load.ts'
import { ReloadWatch } from '../control/reload-watch.ts'
import { Supervisor } from '../control/supervisor.ts'
import { freeYoungSpace, holdYoungSpace, releaseYoungSpace } from '../control/young-space.ts'
import type { Admin } from '../admin/server.ts'

/** Milliseconds that a stop may take in all; or what is left of a start, when it is to be stopped. */
const STOP_LIMIT_MS = 15_000

/** Runs until a signal ends it. Returns the exit status. */
export async function run(options: { config: string }): Promise<number> {
  armFaults()
  freeYoungSpace()
  holdYoungSpace()
  inlineMore()
  try {
    const running = await start(options.config)
    const { signalled, failed } = running
    releaseYoungSpace()
    const ending = await Promise.race([signalled, failed.then((reason) => ({ failed: reason }))])
    return await stop(running, 'failed' in ending)
  } catch (error) {
    if (error instanceof RefusedFiles) return refuse(error.findings)
    throw error
  }
}

interface Running {
  readonly supervisor: Supervisor
  readonly admin: Admin
  readonly watch: ReloadWatch
  readonly log: Log
  /** Settles with the signal that ends the router. */
  readonly signalled: Promise<{ readonly signal: string }>
  /** Settles when the router cannot go on. */
  readonly failed: Promise<string>
}

/** A function of its own, so that nothing keeps the texts of the rules while the router runs. */
async function start(config: string): Promise<Running> {
  const loaded = await loadForStart(config, process.env)
  const { settings, findings } = loaded
  const log = await makeLog(settings.log)
  const failure = Promise.withResolvers<string>()
  // Before anything is taken: who ends it in the middle of its start ends it as at any other time.
  const signals = listenToSignals(log)
  const supervisor = await Supervisor.start(
    { file: config, env: process.env, log, failed: failure.resolve },
    loaded,
  )
  const admin = await startAdmin(settings, supervisor, log)
  for (const { level, file, line, message } of findings)
    if (level === 'warning' && file === settings.file) log('warn', message, { at: `${file}:${line}` })
  signals.started(supervisor)
  greet(log, settings, supervisor, admin, config)
  const { ended } = signals
  return {
    supervisor,
    admin,
    watch: watchFiles(supervisor, log),
    log,
    signalled: ended,
    failed: failure.promise,
  }
}

async function startAdmin(settings: Settings, supervisor: Supervisor, log: Log): Promise<Admin> {
  try {
    // Loaded late: the HTTP server is a third of the memory of main.
    const { startAdmin: start } = await import('../admin/server.ts')
    return await start(settings, supervisor, log)
  } catch (error) {
    await supervisor.stop()
    throw error
  }
}

/** All findings, to people; nothing runs. */
function refuse(findings: readonly Finding[]): number {
  process.stderr.write(formatFindings(findings, { color: process.stderr.isTTY }))
  process.stderr.write('logweir: not started; correct the marked lines, then run `logweir check`\n')
  return 2
}

/** The first lines: what listens where, what runs, what to try. */
function greet(log: Log, settings: Settings, supervisor: Supervisor, admin: Admin, config: string): void {
  const { plan, listening } = supervisor
  const transports = new Map(settings.listeners.map(({ name, transport }) => [name, transport]))
  for (const { name, host, port } of listening) {
    log(
      'info',
      `listening: ${name} on ${transports.get(name)}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    )
  }
  log(
    'info',
    `rules: ${plan.tenants.length} tenants, ${plan.forwarders.length} forwarders, from ${settings.rules}`,
  )
  log('info', `admin: ${admin.url} (health, metrics; token in ${settings.data}/admin.token)`)
  const tcp = listening.find(({ name }) => transports.get(name) === 'tcp')
  if (tcp !== undefined) {
    log(
      'info',
      `try: npx logweir send --to tcp://127.0.0.1:${tcp.port} fixtures/nsxt-dfw.log; then npx logweir status --config ${config}`,
    )
  }
  log('info', 'ready; Ctrl-C stops, SIGHUP reloads')
}

interface Signals {
  /** Settles with the first signal that ends the router. */
  readonly ended: Promise<{ readonly signal: string }>
  /** From now on SIGHUP reloads; one that came before is made good. */
  started(supervisor: Supervisor): void
}

/** Whatever comes while it starts is remembered until it has started: half a start cannot be stopped in order. */
function listenToSignals(log: Log): Signals {
  let supervisor: Supervisor | undefined
  let reload = false
  let limit: NodeJS.Timeout | undefined
  const { promise: ended, resolve } = Promise.withResolvers<{ signal: string }>()
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!stopping) log('info', `${signal}: stopping; what is not delivered goes to the spool`)
      if (supervisor === undefined) limit ??= setTimeout(() => giveUp(log), STOP_LIMIT_MS)
      stopping = true
      resolve({ signal })
    })
  }
  process.on('SIGHUP', () => {
    if (supervisor === undefined) reload = true
    else void supervisor.reload('signal')
  })
  const started = (running: Supervisor): void => {
    supervisor = running
    clearTimeout(limit)
    if (reload && !stopping) void running.reload('signal')
  }
  return { ended, started }
}

function giveUp(log: Log): void {
  log('error', 'the start takes too long to be stopped in order: it ends as if it were killed')
  process.exit(1)
}

/** Takes changed files over by itself, if the configuration says so. */
function watchFiles(supervisor: Supervisor, log: Log): ReloadWatch {
  return new ReloadWatch({
    clock: systemClock,
    watched: () => {
      const { file, rules: folder, reload } = supervisor.settings
      return { file, folder, ...reload, stamp: supervisor.stamp }
    },
    reload: () => supervisor.reload('watch'),
    log,
  })
}

async function stop(running: Running, failed: boolean): Promise<number> {
  const { supervisor, admin, watch, log } = running
  watch.stop()
  const limit = setTimeout(() => {
    log('error', 'the stop took too long; what memory held is lost')
    process.exit(1)
  }, STOP_LIMIT_MS)
  const kept = await supervisor.stop()
  await admin.stop()
  clearTimeout(limit)
  if (failed) return 70
  return kept ? 0 : 1
}
