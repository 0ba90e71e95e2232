/** A real router in a process of its own, on a folder of its own: what integration and fault tests talk to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'vitest'
import { stringify } from 'yaml'
import type { Ledger } from '../../src/control/ledger.ts'

const BIN = join(import.meta.dirname, '../../bin/logweir.js')

/** Ids and labels that the tests' tenants have; `label(n)` is what VCD would write for tenant n's group. */
export function testTenant(n: number): { name: string; group: string; id: string; label: string } {
  const id = `${(0x10000000 + n).toString(16)}-aaaa-4bbb-8ccc-${(0x100000000000 + n).toString(16)}`
  const group = `dcg${n}-of-tenant`
  return { name: `tenant-${n}`, group, id, label: `${group.slice(0, 5)}${id.slice(0, 27)}` }
}

/** A rules entry for {@link testTenant}. */
export function tenantRules(n: number, forwarders: readonly object[]): object {
  const { name, group, id } = testTenant(n)
  // The same at each call: a tenant whose organisation changes is another customer, and gets nothing of the first's.
  const org = { id: id.replace('-aaaa-', '-cccc-'), name }
  return { name, org, data_center_groups: [{ name: group, id }], forwarders }
}

/** A distributed firewall event of tenant n that carries its tenant and a number. */
export function dfwLine(n: number, sequence: number): string {
  return (
    `<13>1 2026-05-15T19:41:25.001Z esx01.example.net FIREWALL-PKTLOG - - - INET match PASS ${sequence} OUT 60 TCP ` +
    `10.0.${n % 250}.1/50000->10.9.9.9/443 S ${testTenant(n).label}`
  )
}

/** The number in a {@link dfwLine}. */
export function sequenceOf(line: string): number {
  return Number(/ PASS (\d+) /.exec(line)?.[1] ?? -1)
}

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly [field: string]: unknown
}

export class Router {
  readonly folder: string
  readonly config: string
  readonly log: LogLine[] = []
  #child: ChildProcess | undefined
  #exit: Promise<number | null> = Promise.resolve(null)
  readonly #wanted = new Set<{ test: (line: LogLine) => boolean; found: (line: LogLine) => void }>()

  /** `settings` and `rules` are written as YAML; `data` and `rules` stand in the router's own folder. */
  constructor(settings: object, rules: object) {
    this.folder = mkdtempSync(join(tmpdir(), 'logweir-test-'))
    this.config = join(this.folder, 'logweir.yaml')
    this.writeSettings(settings)
    this.writeRules(rules)
  }

  writeSettings(settings: object): void {
    const base = {
      version: 1,
      rules: 'rules',
      data: 'var',
      admin: { bind: '127.0.0.1:0' },
      // Tests say themselves when; those of the watch switch it on.
      reload: { watch: false },
      log: { level: 'debug', format: 'json' },
    }
    writeFileSync(this.config, stringify({ ...base, ...settings }))
  }

  writeRules(rules: object | string): void {
    mkdirSync(join(this.folder, 'rules'), { recursive: true })
    const text = typeof rules === 'string' ? rules : stringify({ version: 1, ...rules })
    writeFileSync(join(this.folder, 'rules', 'tenants.yaml'), text)
  }

  /** Starts it and waits until it is ready. Rejects with its output when it ends instead. */
  async start(env: NodeJS.ProcessEnv = {}): Promise<this> {
    this.log.length = 0
    const child = spawn(process.execPath, [BIN, 'run', '--config', this.config], {
      env: { ...process.env, LOGWEIR_TEST: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let errors = ''
    child.stderr.on('data', (text) => (errors += String(text)))
    createInterface({ input: child.stdout }).on('line', (text) => this.#line(text))
    this.#exit = new Promise((done) => child.on('close', (code) => done(code)))
    const ended = this.#exit.then((code) => {
      throw new Error(`the router ended with ${code}: ${errors} ${JSON.stringify(this.log.slice(-3))}`)
    })
    await Promise.race([this.seen((line) => line.msg.startsWith('ready')), ended])
    ended.catch(() => undefined)
    return this
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Waits for a line of the log, past ones included. */
  seen(test: (line: LogLine) => boolean): Promise<LogLine> {
    const past = this.log.find(test)
    if (past !== undefined) return Promise.resolve(past)
    return this.next(test)
  }

  /** Waits for a line that is still to come. */
  next(test: (line: LogLine) => boolean): Promise<LogLine> {
    return new Promise((found) => this.#wanted.add({ test, found }))
  }

  /** Port of a listener, from the log. */
  port(listener: string): number {
    const line = this.log.find(({ msg }) => msg.startsWith(`listening: ${listener} on `))
    return Number(/:(\d+)$/.exec(line?.msg ?? '')?.[1] ?? 0)
  }

  get admin(): string {
    const line = this.log.find(({ msg }) => msg.startsWith('admin: '))
    return /http:\/\/\S+/.exec(line?.msg ?? '')?.[0] ?? ''
  }

  async ask(path: string, method = 'GET', body?: object): Promise<unknown> {
    const token = readFileSync(join(this.folder, 'var', 'admin.token'), 'utf8').trim()
    const answer = await fetch(`${this.admin}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return answer.json()
  }

  status(): Promise<Ledger> {
    return this.ask('/api/v1/status') as Promise<Ledger>
  }

  /** Asks for the status until `test` likes it. */
  async until(test: (ledger: Ledger) => boolean, limit_ms = 30_000): Promise<Ledger> {
    const end = performance.now() + limit_ms
    for (;;) {
      const ledger = await this.status()
      if (test(ledger)) return ledger
      if (performance.now() > end) throw new Error(`status never came to it: ${JSON.stringify(ledger)}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Its exit status, once it has ended. */
  get exit(): Promise<number | null> {
    return this.#exit
  }

  /** SIGTERM, and the end. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM')
    return this.#exit
  }

  /** `kill -9`, and the end. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exit
  }

  /** Ends it whatever it does, and removes its folder. */
  async clean(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #line(text: string): void {
    let line: LogLine
    try {
      line = JSON.parse(text) as LogLine
    } catch {
      line = { level: 0, msg: text }
    }
    this.log.push(line)
    for (const wanted of [...this.#wanted]) {
      if (!wanted.test(line)) continue
      this.#wanted.delete(wanted)
      wanted.found(line)
    }
  }
}

/** The ledger balances: what every test ends with. */
export function expectBalanced(ledger: Ledger): void {
  expect(ledger.imbalance).toBe(0)
  expect(ledger.received).toBe(ledger.owned + ledger.orphaned)
  for (const one of ledger.forwarders) {
    const dropped = Object.values(one.dropped).reduce((sum, events) => sum + events, 0)
    expect(one.enqueued, `${one.tenant}/${one.forwarder}`).toBe(
      one.delivered + dropped + one.queued + one.spooled + one.in_flight,
    )
  }
}

/** The forwarder's part of a ledger. */
export function forwarderOf(ledger: Ledger, tenant: string, forwarder: string): Ledger['forwarders'][number] {
  const found = ledger.forwarders.find((one) => one.tenant === tenant && one.forwarder === forwarder)
  if (found === undefined) throw new Error(`no forwarder ${tenant}/${forwarder} in the ledger`)
  return found
}
