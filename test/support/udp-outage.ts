/**
 * A program for a network namespace of its own (`unshare -n`): a udp destination whose network goes away in the middle of a
 * batch and comes back. Prints what became of the events, as JSON.
 */
import { execFileSync } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import { FakeLane, testDeps, testSettings } from './lanes.ts'
import { udpSink } from './sinks.ts'

const EVENTS = 2000
const ip = (words: string): void => void execFileSync('ip', words.split(' '))
/** Without the address there is no route, and the system refuses each datagram. */
const network = (state: 'add' | 'del'): void => ip(`addr ${state} 127.0.0.1/8 dev lo`)

ip('link set lo up')
const sink = await udpSink()
const settings = testSettings({
  to: { scheme: 'udp', host: '127.0.0.1', port: sink.port },
  framing: 'none',
  retry: { first: 10, max: 10 },
})
const lane = new FakeLane(payloadForm(settings))
const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
lane.add('<14>before')
await sink.until(() => sink.chunks.length === 1)
network('del')
lane.add(...Array.from({ length: EVENTS }, (_, n) => `<14>event ${n}`))
lane.add('<14>behind')
while (destination.last_error === null) await pause(5)
const { last_error, state } = destination
network('add')
// As long as a program may take: nothing else wakes the destination.
for (let n = 0; n < 400 && lane.settled.length < 3; n++) await pause(25)
await sink.until(() => lane.settled.length < 3 || String(sink.chunks.at(-1)) === '<14>behind')
console.log(
  JSON.stringify({
    last_error,
    state,
    settled: lane.settled.length,
    dropped: lane.dropped,
    got: sink.chunks.length,
  }),
)
lane.check()
await destination.stop(0)
await sink.close()
