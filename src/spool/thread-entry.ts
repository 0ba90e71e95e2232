/** Entry of the spool thread: main attaches workers' ports, changes settings and asks it to close. */
import { parentPort, workerData } from 'node:worker_threads'
import assert from 'node:assert/strict'
import { systemClock } from '../base/clock.ts'
import { armFaults } from '../base/faults.ts'
import { GiveBack } from '../base/give-back.ts'
import type { FromSpool, SpoolSettings, ToSpool } from './protocol.ts'
import { SpoolService } from './service.ts'

armFaults()
assert(parentPort !== null, 'the spool thread has no parent')
const main = parentPort
const say = (message: FromSpool): void => main.postMessage(message)
const service = new SpoolService(workerData as SpoolSettings, (notice) => say({ type: 'notice', notice }))
const give_back = new GiveBack(systemClock, () => 0)
give_back.soon()

main.on('message', (message: ToSpool) => {
  switch (message.type) {
    case 'attach':
      return service.attach(message.worker, message.port)
    case 'settings':
      return service.configure(message.settings)
    case 'close':
      give_back.stop()
      service.close()
      say({ type: 'closed' })
      main.close()
  }
})
