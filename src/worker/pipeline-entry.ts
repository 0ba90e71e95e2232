/** The thread around a {@link Pipeline}: turns messages into calls and calls into answers. */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { errorText, LogweirError } from '../base/errors.ts'
import { armFaults } from '../base/faults.ts'
import { GiveBack } from '../base/give-back.ts'
import { systemRandom } from '../base/random.ts'
import { SpoolPortClient } from '../spool/port-client.ts'
import { FileHands } from './files.ts'
import { Pipeline } from './pipeline.ts'
import { PlanInbox } from './plan-parts.ts'
import type { FromWorker, LogLevel, ToWorker, WorkerStart } from './protocol.ts'

const port = parentPort
if (port === null) throw new Error('src/worker/pipeline-entry.ts is a thread of the router, not a program')
armFaults()

const start = workerData as WorkerStart
const post = (message: FromWorker): void => port.postMessage(message)
const log = (level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void =>
  post({ type: 'log', level, message, fields: { worker: start.index, ...fields } })
const spool = new SpoolPortClient(start.spool)
const files = new FileHands(start.index === 0, systemClock)
if (start.files !== null) files.attach(start.files)
const pipeline = new Pipeline({
  index: start.index,
  workers: start.workers,
  epoch: start.epoch,
  hostname: start.hostname,
  clock: systemClock,
  random: systemRandom,
  spool,
  log,
  files,
  granted: (grant) => post({ type: 'grant', grant }),
})
const inbox = new PlanInbox()
const give_back = new GiveBack(
  systemClock,
  () => pipeline.received,
  () => post({ type: 'gave_back' }),
)

/** Carries out one request. Its value is the answer. */
async function act(message: ToWorker): Promise<unknown> {
  switch (message.type) {
    case 'begin':
      return inbox.clear()
    case 'counters':
      return pipeline.adopt(message.grant)
    case 'part':
      return inbox.add(message.part)
    case 'prepare':
      return pipeline.prepare(message.settings, inbox.take(message.plan), message.seen)
    case 'commit':
      await pipeline.commit()
      inbox.committed()
      return give_back.soon()
    case 'discard':
      return pipeline.discard()
    case 'listen':
      return pipeline.listen(message.ports)
    case 'close':
      return pipeline.close(message.grace, message.quiet)
    case 'reopen':
      return pipeline.reopen()
    case 'measure':
      return pipeline.measure()
    case 'probe':
      return pipeline.probe(message.key)
    case 'retry':
      return pipeline.retry(message.key)
    case 'pause':
      return pipeline.pause(message.keys)
    case 'purge':
      return pipeline.purge(message.key)
    case 'stop':
      give_back.stop()
      return pipeline.stop(message.grace)
    case 'spool':
      return spool.replacePort(message.port)
    case 'spool_lost':
      return spool.abandon(message.reason)
    case 'files':
      return files.attach(message.port)
  }
}

port.on('message', (message: ToWorker) => {
  void act(message).then(
    (value) => {
      if ('id' in message) post({ type: 'answer', id: message.id, value })
    },
    (error: unknown) => {
      const known = error instanceof LogweirError
      const said = {
        code: known ? error.code : 'LW_BUG',
        message: errorText(error),
        mend: known ? error.mend : '',
      }
      if ('id' in message) post({ type: 'answer', id: message.id, error: said })
    },
  )
})
