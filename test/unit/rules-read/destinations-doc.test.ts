/** Can a forwarder of every type be added from the documentation alone, and is each type in it? */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { createDestination, payloadForm } from '../../../src/forward/create.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { FORWARDER_TYPES } from '../../../src/rules/forwarder-types.ts'
import { makeAuthority } from '../../support/authority.ts'
import { blocksOf, sectionOf } from '../../support/docs.ts'
import { rulesOf } from '../../support/findings.ts'
import { FakeLane, testDeps } from '../../support/lanes.ts'
import { root } from '../../support/tree.ts'

const page = readFileSync(join(root, 'docs/destinations.md'), 'utf8')
const ENV = {
  ACME_PASSWORD: 'secret-1',
  LOGWEIR_CLOUD_TOKEN: 'secret-2',
  ACME_HEC_TOKEN: 'secret-3',
  SEARCH_API_KEY: 'secret-4',
}
const TYPES = Object.keys(FORWARDER_TYPES).filter((type) => page.includes(`\n## \`${type}\`\n`))

test('the types over HTTP, files and syslog have their section', () => {
  expect(TYPES).toEqual(
    expect.arrayContaining(['syslog', 'http', 'log-insight-cloud', 'splunk-hec', 'elasticsearch', 'file']),
  )
})

test.each(TYPES)('the example of %s is valid, of that type, and makes a destination', async (type) => {
  const blocks = blocksOf(sectionOf(page, `## \`${type}\``)).filter(({ language }) => language === 'yaml')
  expect(blocks.length).toBeGreaterThan(0)
  for (const { text } of blocks) await holds(type, text)
})

async function holds(type: string, text: string): Promise<void> {
  // Certificates that examples name.
  const named = [...text.matchAll(/certs\/[\w-]+\.crt/g)].map(([path]) => path)
  const { ca } = await makeAuthority()
  const files = Object.fromEntries(named.map((path) => [path, ca]))
  const { read, lines } = rulesOf({ 'a.yaml': text, ...files }, ENV)
  // Some show the provider’s alone.
  expect(lines.filter((line) => !line.includes('no tenants'))).toEqual([])
  const model = read.model
  if (model === undefined) throw new Error('no rules')
  const { plan, findings } = compileRules(model, 1, { forwarders_per_tenant: 10 })
  expect(findings.filter(({ level }) => level === 'error')).toEqual([])
  const [forwarder] = plan?.forwarders ?? []
  if (forwarder === undefined) throw new Error('no forwarder')
  expect(forwarder.settings.type).toBe(type)
  const lane = new FakeLane(payloadForm(forwarder.settings))
  const destination = createDestination(forwarder, lane, testDeps({ clock: systemClock }))
  expect(destination.state).toBe('active')
  await destination.stop(0)
}
