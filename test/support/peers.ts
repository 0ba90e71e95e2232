/** Debian's own senders and receivers, as processes: found, started, waited for, ended. */
import { Buffer } from 'node:buffer'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'vitest'
import { root } from './tree.ts'

const RSYSLOG_ROOT = process.env['LOGWEIR_RSYSLOG_ROOT'] ?? join(root, '.peers/rsyslog')
const LIBRARIES = join(RSYSLOG_ROOT, 'usr/lib/x86_64-linux-gnu')

const HAPROXY_ROOT = process.env['LOGWEIR_HAPROXY_ROOT'] ?? join(root, '.peers/haproxy')

/** Programs outside of this project, and what brings each. */
const PROGRAMS = {
  loggen: { path: onPath('loggen'), from: 'apt-get install syslog-ng-core' },
  'syslog-ng': { path: onPath('syslog-ng'), from: 'apt-get install syslog-ng-core' },
  logger: { path: onPath('logger'), from: 'apt-get install bsdutils' },
  rsyslogd: { path: orNone(join(RSYSLOG_ROOT, 'usr/sbin/rsyslogd')), from: 'scripts/fetch-peers.sh' },
  'rsyslog-relp': {
    path: orNone(join(LIBRARIES, 'rsyslog/omrelp.so')),
    from: 'scripts/fetch-peers.sh',
  },
  'rsyslog-openssl': {
    path: orNone(join(LIBRARIES, 'rsyslog/lmnsd_ossl.so')),
    from: 'scripts/fetch-peers.sh',
  },
  haproxy: { path: orNone(join(HAPROXY_ROOT, 'usr/sbin/haproxy')), from: 'scripts/fetch-peers.sh' },
  promtool: {
    path: orNone(process.env['LOGWEIR_PROMTOOL'] ?? join(root, '.peers/prometheus/usr/bin/promtool')),
    from: 'scripts/fetch-peers.sh',
  },
} as const

export type ProgramName = keyof typeof PROGRAMS

/** Skips the test and says why when a program is not here. In CI that is a failure: nothing must pass unseen. */
export function needs(context: TestContext, ...names: readonly ProgramName[]): void {
  const missing = names.filter((name) => PROGRAMS[name].path === undefined)
  if (missing.length === 0) return
  const reason = missing.map((name) => `no ${name} (${PROGRAMS[name].from})`).join(', ')
  if (process.env['CI'] === 'true') throw new Error(`CI must not pass without its peers: ${reason}`)
  context.skip(reason)
}

/** True when all are here: for hooks, which have nothing to skip. */
export function have(...names: readonly ProgramName[]): boolean {
  return names.every((name) => PROGRAMS[name].path !== undefined)
}

interface PeerOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** For its standard input. */
  readonly input?: string
}

/** A process that is not ours. What it says on both outputs is kept, for waiting and for errors. */
export class Peer {
  output = ''
  readonly exit: Promise<number | null>
  readonly #child: ChildProcess
  readonly #name: string
  readonly #looks = new Set<() => void>()
  #ended = false

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    { env = {}, cwd, input }: PeerOptions = {},
  ) {
    this.#name = name
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' })
    this.#child = child
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    child.stdout.on('data', (text) => this.#heard(String(text)))
    child.stderr.on('data', (text) => this.#heard(String(text)))
    this.exit = new Promise((done, failed) => {
      child.on('error', failed)
      child.on('close', (code) => {
        this.#ended = true
        this.#heard('')
        done(code)
      })
    })
    this.exit.catch(() => undefined)
  }

  /** Waits until its output matches; rejects when it ends without having said so. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((done, failed) => {
      const look = (): void => {
        const found = pattern.exec(this.output)
        if (found === null && !this.#ended) return
        this.#looks.delete(look)
        if (found === null) failed(new Error(`${this.#name} ended: ${this.output.slice(-2000)}`))
        else done(found)
      }
      this.#looks.add(look)
      look()
    })
  }

  /** Waits until something takes connections on the port. */
  async listening(port: number): Promise<this> {
    for (let tries = 0; tries < 600; tries++) {
      if (this.#ended) throw new Error(`${this.#name} ended at start: ${this.output.slice(-2000)}`)
      if (await takes(port)) return this
      await sleep(50)
    }
    throw new Error(`${this.#name} does not listen on ${port}: ${this.output.slice(-2000)}`)
  }

  /** Waits for a good end of its own. */
  async done(): Promise<string> {
    const code = await this.exit
    if (code !== 0) throw new Error(`${this.#name} ended with ${code}: ${this.output.slice(-2000)}`)
    return this.output
  }

  /** Ends it, and waits until it is gone; SIGKILL after ten seconds of anything else. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#ended) return
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.exit
    clearTimeout(timer)
  }

  #heard(text: string): void {
    if (this.output.length < 1_000_000) this.output += text
    for (const look of this.#looks) look()
  }
}

/** A folder and the peers that were started in it; `clean` ends them all and removes it. */
export class PeerFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'logweir-peers-'))
  readonly #peers: Peer[] = []

  at(name: string): string {
    return join(this.path, name)
  }

  put(name: string, text: string | Uint8Array): string {
    writeFileSync(this.at(name), text)
    return this.at(name)
  }

  /** Any of the programs, with these arguments. */
  run(name: ProgramName, args: readonly string[], options: PeerOptions = {}): Peer {
    const peer = new Peer(name, PROGRAMS[name].path ?? name, args, options)
    this.#peers.push(peer)
    return peer
  }

  /** A command as the README has it, in the checkout. `node` in it is this Node. */
  shell(command: string): Peer {
    const folders = [dirname(process.execPath), process.env['PATH'] ?? '']
    const peer = new Peer('sh', '/bin/sh', ['-c', `exec ${command}`], {
      env: { PATH: folders.join(delimiter) },
      cwd: root,
    })
    this.#peers.push(peer)
    return peer
  }

  /** loggen to a port of this machine; gives how many messages it says it sent. */
  async loggen(port: number, args: readonly string[]): Promise<number> {
    const peer = this.run('loggen', ['--rate', '100000', ...args, '127.0.0.1', String(port)])
    const said = await peer.done()
    // It counts each second; the last is the sum.
    return Number([...said.matchAll(/count=(\d+)/g)].at(-1)?.[1] ?? -1)
  }

  /** syslog-ng with this configuration. It keeps its own files in this folder, below `name`. */
  syslogNg(name: string, configuration: string): Peer {
    const file = this.put(`${name}.ng.conf`, `@version: 3.38\n${configuration}\n`)
    const own = [
      '-R',
      this.at(`${name}.persist`),
      '-p',
      this.at(`${name}.ng.pid`),
      '-c',
      this.at(`${name}.ctl`),
    ]
    return this.run('syslog-ng', ['-F', '--stderr', '--no-caps', '-f', file, ...own])
  }

  rsyslog(name: string, configuration: string): Peer {
    const head = `global(workDirectory="${this.path}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")`
    const file = this.put(`${name}.rsyslog.conf`, `${head}\n${configuration}\n`)
    const env = { LD_LIBRARY_PATH: LIBRARIES, RSYSLOG_MODDIR: join(LIBRARIES, 'rsyslog') }
    return this.run('rsyslogd', ['-n', '-f', file, '-i', this.at(`${name}.pid`)], { env })
  }

  haproxy(name: string, configuration: string): Peer {
    const file = this.put(`${name}.haproxy.cfg`, `${configuration}\n`)
    const env = { LD_LIBRARY_PATH: join(HAPROXY_ROOT, 'usr/lib/x86_64-linux-gnu') }
    return this.run('haproxy', ['-db', '-f', file], { env })
  }

  async clean(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.end()))
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A port that nobody has at this moment, for peers that cannot choose one and say it. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** What a peer wrote, once it is at least so many bytes (or after 30 s, to be compared as it is). Latin-1: a character a byte. */
export async function written(path: string, bytes: number): Promise<string> {
  for (let tries = 0; tries < 600; tries++) {
    if (existsSync(path) && statSync(path).size >= bytes) break
    await sleep(50)
  }
  return existsSync(path) ? readFileSync(path, 'latin1') : ''
}

/** Sends a text over one connection and closes it in order. */
export async function sendBytes(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  socket.resume()
  await once(socket, 'close')
}

/** An octet-counted frame. */
export const counted = (event: string): string => `${Buffer.byteLength(event)} ${event}`

/** As {@link written} reads. */
export const latin1 = (text: string): string => Buffer.from(text).toString('latin1')

function takes(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      done(true)
    })
    socket.on('error', () => done(false))
  })
}

function onPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

function orNone(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
