/**
 * Loading in a thread of its own that ends when it is done: the YAML documents and the checks of a thousand tenants
 * take more memory than everything that runs afterwards, and it goes back to the system with the thread. The event
 * loop of main stays free as well. Main and workers never see the readers' code.
 */
import { Worker } from 'node:worker_threads'
import { threadUrl } from '../base/thread-url.ts'
import type { RulesText } from '../rules/read.ts'
import type { Loaded } from './load.ts'

/** Short-lived objects of the thread, MiB: a third of the memory that loading takes with V8's own 48, at the same speed. */
const YOUNG_MB = 3

/** What the thread is told. */
export interface LoadOrder {
  readonly file: string
  readonly generation: number
  readonly env: Readonly<Record<string, string | undefined>>
  readonly saved: readonly RulesText[] | undefined
}

/**
 * `load` in a thread. Rejects only when the thread cannot do it at all: no memory for these rules, or a bug; what is
 * wrong with the files is among the findings.
 */
export function loadAside(
  file: string,
  generation: number,
  env: NodeJS.ProcessEnv,
  saved?: readonly RulesText[],
): Promise<Loaded> {
  const order: LoadOrder = { file, generation, env: { ...env }, saved }
  const { promise, resolve, reject } = Promise.withResolvers<Loaded>()
  const thread = new Worker(threadUrl(import.meta.url, './load-entry'), {
    workerData: order,
    name: 'load',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  let loaded: Loaded | undefined
  thread.on('message', (message: Loaded) => {
    loaded = message
  })
  thread.on('error', reject)
  // Not before it is gone: workers would start beside its memory.
  thread.on('exit', (code) => {
    if (loaded === undefined) reject(new Error(`the thread that loads ended with ${code}`))
    else resolve(loaded)
  })
  return promise
}
