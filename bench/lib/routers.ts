/** The routers that are compared: how each is started, and what is missing when it cannot be. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Setup, writeFloor, writeLogweir, writeRsyslog, writeSyslogNg } from './configs.ts'
import { listening, Proc } from './proc.ts'

export const ROOT = resolve(import.meta.dirname, '../..')
export const OUT = join(ROOT, 'bench', 'out')
const START_MS = 60_000

export type RouterName = 'floor' | 'logweir' | 'rsyslog' | 'rsyslog-lookup' | 'syslog-ng'

export interface Router {
  readonly name: RouterName
  /** Why it cannot run on this machine; null: it can. */
  readonly missing: string | null
  /** Expected CPU, µs an event: how many events are worth sending. */
  cost(tenants: number): number
  start(setup: Setup): Promise<Proc>
}

/** Compiles the C programs; gives back why it could not. */
export function buildTools(): string | null {
  mkdirSync(join(OUT, 'bin'), { recursive: true })
  for (const source of ['floor/floor.c', 'tools/sender.c', 'tools/sink.c']) {
    const target = join(OUT, 'bin', source.replace(/^.*\/|\.c$/g, ''))
    const done = spawnSync(
      'cc',
      ['-O2', '-ftree-vectorize', '-Wall', '-Wextra', '-o', target, join(ROOT, 'bench', source)],
      { encoding: 'utf8' },
    )
    if (done.error) return 'no C compiler (cc)'
    if (done.status !== 0) return `cc: ${done.stderr.slice(0, 300)}`
  }
  return null
}

export function tool(name: 'floor' | 'sender' | 'sink'): string {
  return join(OUT, 'bin', name)
}

/** A certificate for the TLS rows; null without openssl. */
export function makeCertificate(): { readonly certificate: string; readonly key: string } | null {
  const certificate = join(OUT, 'bench.crt')
  const key = join(OUT, 'bench.key')
  const done = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '30',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    key,
    '-out',
    certificate,
  ])
  return done.status === 0 ? { certificate, key } : null
}

export function findRouters(): Router[] {
  return [floor(), logweir(), rsyslog('filter'), rsyslog('lookup'), syslogNg()]
}

function floor(): Router {
  return {
    name: 'floor',
    missing: existsSync(tool('floor')) ? null : 'not compiled',
    cost: () => 0.25,
    async start(setup) {
      const kind = setup.transport === 'udp' ? 'udp' : setup.framing === 'octet' ? 'tcp-octet' : 'tcp'
      const proc = new Proc(tool('floor'), [kind, String(setup.in_port), writeFloor(setup)])
      await proc.line(START_MS)
      return proc
    },
  }
}

/** Where a router that was started must listen. */
export interface Listening {
  readonly port: number
  readonly transport: 'tcp' | 'udp'
}

const SYSLOG_NG = ['/usr/sbin/syslog-ng', '/usr/local/sbin/syslog-ng'].find((path) => existsSync(path))
const ENTRY = join(ROOT, 'bin', 'logweir.js')

export async function startLogweir(folder: string, file: string, at: Listening): Promise<Proc> {
  const env = { ...process.env, LOGWEIR_DIST: '1', LOGWEIR_BENCH_TOKEN: 'bench', NODE_OPTIONS: '' }
  const proc = new Proc(process.execPath, [ENTRY, 'run', '--config', file], { cwd: folder, env })
  await listening(proc, at.port, at.transport, START_MS)
  return proc
}

export async function startRsyslog(folder: string, file: string, at: Listening): Promise<Proc> {
  const root = rsyslogRoot()
  const library = join(root, 'usr/lib/x86_64-linux-gnu')
  const env = { ...process.env, LD_LIBRARY_PATH: library, RSYSLOG_MODDIR: join(library, 'rsyslog') }
  const args = ['-n', '-f', file, '-i', join(folder, 'rsyslog.pid')]
  const proc = new Proc(join(root, 'usr/sbin/rsyslogd'), args, { env })
  await listening(proc, at.port, at.transport, START_MS)
  return proc
}

export async function startSyslogNg(folder: string, file: string, at: Listening): Promise<Proc> {
  const own = (name: string): string => join(folder, name)
  const files = ['-R', own('ng.persist'), '-p', own('ng.pid'), '-c', own('ng.ctl')]
  const proc = new Proc(SYSLOG_NG ?? 'syslog-ng', ['-F', '--no-caps', '-f', file, ...files])
  await listening(proc, at.port, at.transport, START_MS)
  return proc
}

function at({ in_port, transport }: Setup): Listening {
  return { port: in_port, transport: transport === 'udp' ? 'udp' : 'tcp' }
}

function logweir(): Router {
  const built = existsSync(join(ROOT, 'dist'))
  return {
    name: 'logweir',
    missing: !existsSync(ENTRY)
      ? 'bin/logweir.js does not exist'
      : built
        ? null
        : 'not built (npm run build)',
    cost: () => 1.5,
    start: (setup) => startLogweir(setup.folder, writeLogweir(setup), at(setup)),
  }
}

/** The folder that `scripts/fetch-peers.sh` unpacks rsyslog into. */
export function rsyslogRoot(): string {
  return process.env['LOGWEIR_RSYSLOG_ROOT'] ?? join(ROOT, '.peers', 'rsyslog')
}

function rsyslog(way: 'filter' | 'lookup'): Router {
  const program = join(rsyslogRoot(), 'usr/sbin/rsyslogd')
  return {
    name: way === 'filter' ? 'rsyslog' : 'rsyslog-lookup',
    missing: existsSync(program) ? null : 'not there (scripts/fetch-peers.sh)',
    cost: (tenants) => (way === 'filter' ? 6 + 0.35 * tenants : 15 + 0.09 * tenants),
    start: (setup) => startRsyslog(setup.folder, writeRsyslog(setup, way), at(setup)),
  }
}

function syslogNg(): Router {
  return {
    name: 'syslog-ng',
    missing: SYSLOG_NG ? null : 'not installed (syslog-ng-core)',
    cost: (tenants) => 8 + 0.35 * tenants,
    start: (setup) => startSyslogNg(setup.folder, writeSyslogNg(setup), at(setup)),
  }
}

/** The machine in words, for the head of a table. */
export function machine(): string {
  const cpu = execFileSync('sh', ['-c', "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c"], {
    encoding: 'utf8',
  }).trim()
  const memory = execFileSync('sh', ['-c', "sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo"], {
    encoding: 'utf8',
  }).trim()
  const system = execFileSync(
    'sh',
    ['-c', '. /etc/os-release; echo "$PRETTY_NAME, Linux $(uname -r | cut -d- -f1)"'],
    {
      encoding: 'utf8',
    },
  ).trim()
  const cores = cpu.split(/\s+/)
  return `${cores[0]} cores (${cores.slice(1).join(' ')}), ${Math.round(Number(memory) / 1e6)} GB of memory, ${system}, Node ${process.version}`
}
