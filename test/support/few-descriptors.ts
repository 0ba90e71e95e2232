/** A process of its own with a TCP listener: `ulimit -n` before it decides what it can hold. Says what happens. */
import { createListener } from '../../src/listen/create.ts'
import { bench } from './intake.ts'
import { tcpSettings } from './listening.ts'

const { intake, tally, deps } = bench()
const listener = await createListener(tcpSettings(), 0, deps)
process.stdout.write(`port ${listener.address.port}\n`)
void intake.until(() => {
  const text = intake.taken.pop()?.text
  if (text === '<1>report')
    process.stdout.write(`report ${JSON.stringify({ ...tally.reasons, most_open: tally.most_open })}\n`)
  return false
})
process.on('SIGTERM', () => void listener.stop(0))
