/** The thread of `load-aside.ts`: loads once, answers, and ends by itself. */
import { parentPort, workerData } from 'node:worker_threads'
import { load } from './load.ts'
import type { LoadOrder } from './load-aside.ts'

if (parentPort === null) throw new Error('src/control/load-entry.ts is a thread of the router, not a program')
const { file, generation, env, saved } = workerData as LoadOrder
parentPort.postMessage(load(file, generation, env, saved))
