/** Processes of the bench: started, waited for, measured through /proc, and ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** /proc counts in these; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
/** The state of a listening socket in /proc/net/tcp. */
const LISTEN = '0A'

export class Proc {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #waiting: ((line: string) => void)[] = []
  #errors = ''
  #ended = false

  constructor(
    command: string,
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: 'pipe' })
    this.#child = child
    this.pid = child.pid ?? -1
    running.add(this)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const next = this.#waiting.shift()
      if (next) next(line)
      else if (this.#lines.length < 1000) this.#lines.push(line)
    })
    child.stderr.on('data', (chunk: Buffer) => {
      if (this.#errors.length < 20_000) this.#errors += chunk.toString()
    })
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => {
      this.#errors += error.message
      this.#end()
    })
    child.on('close', () => this.#end())
  }

  #end(): void {
    this.#ended = true
    running.delete(this)
    for (const next of this.#waiting.splice(0)) next('')
  }

  get ended(): boolean {
    return this.#ended
  }

  /** What it wrote to stderr, its end only. */
  get errors(): string {
    return this.#errors.slice(-600).trim()
  }

  /** The next line of its standard output. */
  async line(timeout_ms: number): Promise<string> {
    const ready = this.#lines.shift()
    if (ready !== undefined) return ready
    if (this.#ended) throw new Error(`process ended: ${this.errors}`)
    const line = await Promise.race([
      new Promise<string>((resolve) => this.#waiting.push(resolve)),
      sleep(timeout_ms, null, { ref: false }),
    ])
    if (line === null) throw new Error(`no answer within ${timeout_ms} ms: ${this.errors}`)
    if (line === '' && this.#ended) throw new Error(`process ended: ${this.errors}`)
    return line
  }

  async ask(command: string): Promise<unknown> {
    this.#child.stdin?.write(`${command}\n`)
    return JSON.parse(await this.line(30_000)) as unknown
  }

  tell(command: string): void {
    this.#child.stdin?.write(`${command}\n`)
  }

  /** Holds it, so that what it has read can be told, until it is killed. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  async kill(): Promise<void> {
    if (this.#ended) return
    const closed = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    this.#child.kill('SIGKILL')
    await closed
  }

  /** SIGTERM, and SIGKILL after `grace_ms`. */
  async stop(grace_ms = 3000): Promise<void> {
    if (this.#ended) return
    const closed = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    this.#child.kill('SIGTERM')
    const late = await Promise.race([closed.then(() => false), sleep(grace_ms, true, { ref: false })])
    if (late) this.#child.kill('SIGKILL')
    await closed
  }
}

const running = new Set<Proc>()

/** Nothing is left running, however the bench ends. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((p) => p.stop(500)))
}

/** CPU seconds of the process so far, user and system, all threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory now and at its highest, MB (10⁶ bytes). */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024) / 1e6
  return { now: read('VmRSS'), peak: read('VmHWM') }
}

/** What stands in the kernel of the TCP connections to a port of 127.0.0.1: not read by its owner, not there yet. */
export function unreadBytes(port: number): { readonly unread: number; readonly unsent: number } {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const sum = { unread: 0, unsent: 0 }
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, remote, state, queues] = line.trim().split(/\s+/)
    if (state === LISTEN || queues === undefined) continue
    const [unsent, unread] = queues.split(':').map((text) => Number.parseInt(text, 16))
    if (local?.endsWith(wanted)) sum.unread += unread ?? 0
    if (remote?.endsWith(wanted)) sum.unsent += unsent ?? 0
  }
  return sum
}

/** Datagrams that the kernel dropped at the UDP socket with this local port; -1: there is no such socket. */
export function udpDrops(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  // A busy sender has a socket of its own on the same port.
  let sum = -1
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const fields = line.trim().split(/\s+/)
      if (fields[1]?.endsWith(wanted)) sum = Math.max(0, sum) + Number(fields.at(-1))
    }
  }
  return sum
}

/** Waits until something listens on the port of 127.0.0.1. */
export async function listening(
  proc: Proc,
  port: number,
  transport: 'tcp' | 'udp',
  timeout_ms: number,
): Promise<void> {
  const until = Date.now() + timeout_ms
  while (Date.now() < until) {
    if (proc.ended) throw new Error(`ended at start: ${proc.errors}`)
    if (transport === 'udp' ? udpDrops(port) >= 0 : await canConnect(port)) return
    await sleep(100)
  }
  throw new Error(`does not listen after ${timeout_ms} ms: ${proc.errors}`)
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
