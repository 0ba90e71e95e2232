/** A destination that failed, and whose events an operator gave up: is it well again, without an event to show it? */
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createDestination, payloadForm } from '../../src/forward/create.ts'
import type { ForwarderSettings } from '../../src/rules/forwarder-settings.ts'
import { FakeLane, testDeps, testSettings } from '../support/lanes.ts'
import { refuse } from '../support/sinks.ts'
import { tempFolder } from '../support/temp-folder.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const retry = { first: 10, max: 50 }
const host = '127.0.0.1'
const AIMS: Readonly<
  Record<string, (port: number) => Partial<ForwarderSettings> & Pick<ForwarderSettings, 'to'>>
> = {
  tcp: (port) => ({ to: { scheme: 'tcp', host, port } }),
  relp: (port) => ({ to: { scheme: 'relp', host, port } }),
  http: (port) => ({ type: 'http', format: 'json', to: { scheme: 'http', url: `http://${host}:${port}/` } }),
  // A file stands where its folder should be.
  file: () => ({ to: { scheme: 'file', path: join(tempFolder({ taken: '' }), 'taken', 'out.log') } }),
}

test.each(Object.entries(AIMS))('%s: fails, nothing waits any more, is well', async (_, aim) => {
  const settings = testSettings({ retry, ...aim(await refuse()) })
  const lane = new FakeLane(payloadForm(settings))
  const destination = lane.attach(createDestination({ key: lane.key, settings }, lane, testDeps()))
  ends.push(() => destination.stop(0))
  lane.add('<14>one')
  await lane.until(() => destination.state === 'retrying' && lane.waiting === 1)
  const batch = lane.lease()
  if (batch === undefined) throw new Error('nothing waits')
  lane.settle(batch, { purged: 1 })
  await expect
    .poll(() => [destination.state, destination.last_error], { timeout: 10_000 })
    .toEqual(['active', null])
})
