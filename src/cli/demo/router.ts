/** The router of the demo: `logweir run` as a child process, as an operator would run it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { LogweirError } from '../../base/errors.ts'
import type { Ledger } from '../../control/ledger.ts'
import { type AdminClient, adminClient } from '../admin-client.ts'
import { HOME } from './package-files.ts'

/** What `/api/v1/status` answers, as far as the demo reads it. */
export interface RouterStatus extends Ledger {
  readonly listeners: readonly { readonly name: string; readonly host: string; readonly port: number }[]
}

const START_MS = 10_000
const STOP_MS = 10_000
const POLL_MS = 50
const LOG_MAX = 64 * 1024

export class DemoRouter {
  readonly #child: ChildProcess
  readonly #admin: AdminClient
  #log = ''

  private constructor(config: string) {
    this.#child = spawn(process.execPath, [path.join(HOME, 'bin/logweir.js'), 'run', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // The launcher's own way to say: whoever ends the demo, even with `kill -9`, ends the router.
      env: { ...process.env, LOGWEIR_LAUNCHER: String(process.pid) },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log = (this.#log + text).slice(-LOG_MAX)
      })
    }
    this.#admin = adminClient({ config })
  }

  /** Starts the router and waits until it listens. @throws {LogweirError} with its log when it does not. */
  static async start(config: string): Promise<DemoRouter> {
    const router = new DemoRouter(config)
    try {
      const up = await until(START_MS, async () => {
        if (router.#ended) throw router.failure('the router of the demo ended at its start')
        return router.status().then(
          ({ listeners }) => listeners.length > 0,
          () => false,
        )
      })
      if (!up) throw router.failure('the router of the demo did not start within 10 seconds')
      return router
    } catch (error) {
      await router.stop()
      throw error
    }
  }

  status(): Promise<RouterStatus> {
    return this.#admin.get('/api/v1/status') as Promise<RouterStatus>
  }

  /** Ends the router. Returns whether it ended as it should. */
  async stop(): Promise<boolean> {
    if (this.#ended) return this.#child.exitCode === 0
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(limit)
    return this.#child.exitCode === 0
  }

  /** What to tell when the router did not do what the demo needs. */
  failure(message: string): LogweirError {
    const log = this.#log.trim()
    const mend = log === '' ? 'it said nothing' : `it said:\n${log}`
    return new LogweirError('LW_DEMO', message, mend, { exit: 1 })
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

/** Asks again and again until the answer is yes. Returns false after `limit_ms`. */
export async function until(limit_ms: number, ask: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + limit_ms
  while (performance.now() < end) {
    if (await ask()) return true
    await new Promise((done) => {
      setTimeout(done, POLL_MS)
    })
  }
  return false
}
