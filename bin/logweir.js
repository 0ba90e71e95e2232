#!/usr/bin/env node
/**
 * Starts Logweir: from `src` in a checkout, from `dist` where it is installed (Node strips no types under
 * node_modules). Must parse and run under old Nodes too, so that they get an answer or the newer Node beside us.
 */
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const LEAST = [22, 19]
const ARENAS = '1'
/** MiB for short-lived objects of main, which sees no event; threads set their own (src/control/young-space.ts). */
const SMALL_YOUNG_SPACE = '--max-semi-space-size=1'
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP']
const home = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

if (newEnough(process.versions.node)) {
  stayWithLauncher()
  fewArenas()
  await start()
} else {
  const newer = newerNode()
  if (newer === undefined) {
    fail(
      `logweir needs Node ${LEAST.join('.')} or newer and this is ${process.version}; ` +
        'install a newer Node, or run `npm ci` in the checkout, which brings one.',
    )
  } else relaunch(newer)
}

function newEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])
}

/** The Node that npm installed beside us; never the one already running, which would start itself for ever. */
function newerNode() {
  const beside = [path.join(home, 'node_modules'), path.dirname(home)]
  const found = beside.map((folder) => path.join(folder, '.bin', 'node')).find((file) => existsSync(file))
  if (found === undefined || realpathSync(found) === realpathSync(process.execPath)) return undefined
  return found
}

function relaunch(node) {
  const space = process.argv[2] === 'run' ? [SMALL_YOUNG_SPACE] : []
  const child = spawn(
    node,
    [...space, ...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { MALLOC_ARENA_MAX: ARENAS, ...process.env, LOGWEIR_LAUNCHER: String(process.pid) },
    },
  )
  for (const signal of FORWARDED) {
    process.on(signal, () => {
      // A terminal's Ctrl-C reaches both of us; sent on, it would count as the second one, which means "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', (error) => fail(`logweir could not start ${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    for (const name of FORWARDED) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/** Whoever kills the launcher means the router: without this `kill -9` would leave it behind, holding its ports. */
function stayWithLauncher() {
  const launcher = process.env.LOGWEIR_LAUNCHER
  delete process.env.LOGWEIR_LAUNCHER
  if (launcher !== String(process.ppid) || process.channel === undefined) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}

/**
 * The router's threads share few areas of the C library's memory: each of their own keeps pages that it has freed
 * (with 1,000 forwarders 10 to 16 MB). The library reads this only when a process begins, so the process begins
 * anew in its place; its number stays.
 */
function fewArenas() {
  const begun = process.env.MALLOC_ARENA_MAX !== undefined || process.channel !== undefined
  if (begun || process.argv[2] !== 'run' || typeof process.execve !== 'function') return
  const args = [process.execPath, SMALL_YOUNG_SPACE, ...process.execArgv, ...process.argv.slice(1)]
  process.execve(process.execPath, args, { ...process.env, MALLOC_ARENA_MAX: ARENAS })
}

async function start() {
  const installed = home.split(path.sep).includes('node_modules') || process.env.LOGWEIR_DIST === '1'
  const built = path.join(home, 'dist', 'cli', 'main.js')
  const source = path.join(home, 'src', 'cli', 'main.ts')
  const main = installed || !existsSync(source) ? built : source
  if (!existsSync(main)) fail(`logweir is not built: ${main} is missing; run \`npm run build\`.`)
  cacheCompiled()
  await import(pathToFileURL(main).href)
}

/**
 * Keeps compiled code between starts, for this thread and (through the environment) for workers: 30 MB less and a
 * faster start. In the user's own cache folder: one in a shared /tmp could be prepared by somebody else.
 */
function cacheCompiled() {
  const base =
    process.env.CACHE_DIRECTORY?.split(':')[0] ?? process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache')
  const folder = process.env.NODE_COMPILE_CACHE ?? path.join(base, 'logweir', 'compiled')
  const { compileCacheStatus } = module.constants
  const { status } = module.enableCompileCache(folder)
  if (status === compileCacheStatus.ENABLED) process.env.NODE_COMPILE_CACHE = folder
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
