/** A destination that is syslog-ng, stopped and started again under load: is everything in its file, once or more? */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { freePort, needs, type Peer, PeerFolder } from '../support/peers.ts'
import { sendLines } from '../support/receiver.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'

const EVENTS = 60_000
const RATE = 10_000
const STOPS = 2

let made: Router | undefined
let folder: PeerFolder
afterEach(async () => {
  await made?.clean()
  await folder?.clean()
})

test.for(['SIGTERM', 'SIGKILL'] as const)(
  '%s and a new start: nothing is missing',
  async (signal, context) => {
    needs(context, 'syslog-ng')
    folder = new PeerFolder()
    const port = await freePort()
    const out = folder.at('out.log')
    const start = (): Promise<Peer> =>
      folder
        .syslogNg(
          'siem',
          `options { use-dns(no); stats-freq(0); };
log {
  source { network(transport(tcp) ip("127.0.0.1") port(${port}) flags(no-parse,store-raw-message)); };
  destination { file("${out}" template("$RAWMSG\\n")); };
  flags(flow-control);
};`,
        )
        .listening(port)
    let peer = await start()
    const listeners = [{ name: 'in', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
    const tenants = [tenantRules(0, [{ name: 'siem', to: `tcp://127.0.0.1:${port}` }])]
    made = await new Router({ listeners }, { tenants }).start()
    const router = made
    const delivered = async (events: number): Promise<void> => {
      await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').delivered >= events)
    }
    const sending = sendLines(
      router.port('in'),
      Array.from({ length: EVENTS }, (_, n) => dfwLine(0, n)),
      RATE,
    )
    for (let stop = 1; stop <= STOPS; stop++) {
      await delivered((EVENTS / 8) * stop)
      await peer.end(signal)
      await router.until((ledger) => forwarderOf(ledger, 'tenant-0', 'siem').state === 'retrying')
      peer = await start()
    }
    await sending
    await delivered(EVENTS)
    const missing = (): number => {
      // Not line by line: a process that is killed leaves the beginning of one, and the next begins behind it.
      const seen = new Set(
        [...readFileSync(out, 'latin1').matchAll(/ PASS (\d+) OUT /g)].map((found) => Number(found[1])),
      )
      return Array.from({ length: EVENTS }, (_, n) => n).filter((n) => !seen.has(n)).length
    }
    // What it has read it writes at its own pace.
    for (let tries = 0; tries < 50 && missing() > 0; tries++) await sleep(100)
    expect(missing()).toBe(0)
    const ledger = await router.status()
    expect(forwarderOf(ledger, 'tenant-0', 'siem')).toMatchObject({ enqueued: EVENTS, delivered: EVENTS })
    expectBalanced(ledger)
    expect(await router.stop()).toBe(0)
  },
)
