/** A process of its own with a TCP listener: `ulimit -n` before it decides what it can hold. Says what happens. */
import { createListener } from '../../src/listen/create.ts'
import { bench } from './intake.ts'
import { tcpSettings } from './listening.ts'

const { intake, tally, deps } = bench()
const listener = await createListener(tcpSettings(), 0, deps)
process.stdout.write(`port ${listener.address.port}\n`)
void intake.until(() => {
  if (intake.taken.pop()?.text !== '<1>report') return false
  const { reasons, let_in, most_open } = tally
  process.stdout.write(`report ${JSON.stringify({ refused: reasons.descriptors ?? 0, let_in, most_open })}\n`)
  return false
})
process.on('SIGTERM', () => void listener.stop(0))
