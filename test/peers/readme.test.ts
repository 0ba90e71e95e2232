/** Does what the README says happen: `npm start`, then its logger and loggen lines, and the right tenant's file? */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { Ledger } from '../../src/control/ledger.ts'
import { freePort, needs, type Peer, PeerFolder } from '../support/peers.ts'
import { expectBalanced } from '../support/router.ts'
import { root } from '../support/tree.ts'

const README = readFileSync(join(root, 'README.md'), 'utf8')
/** Ports of the example, which may be taken here. */
const PORTS = ['5514', '6514', '8514'] as const
const GLOBEX = 'Glo be7f8a9b0-c1d2-4e3f-8a4b-5c6'

const folder = new PeerFolder()
afterEach(() => folder.clean())

/** The first command of the README that begins so, for our port; lines that go on are one. */
function command(start: string, port: string): string {
  const lines = README.replaceAll('\\\n', ' ').split('\n')
  const found = lines.find((line) => line.startsWith(`${start} `) && line.includes('5514'))
  if (found === undefined)
    throw new Error(`the README has no command that begins with \`${start}\` and names port 5514`)
  return found.replaceAll('5514', port)
}

/** `npm start`, on a copy of the example that has other ports and so its own files. */
async function start(): Promise<{ router: Peer; port: string; config: string }> {
  cpSync(join(root, 'examples'), folder.at('examples'), { recursive: true })
  const config = folder.at('examples/logweir.yaml')
  let text = readFileSync(config, 'utf8')
  const ports = await Promise.all(PORTS.map(freePort))
  PORTS.forEach((port, n) => (text = text.replaceAll(`:${port}"`, `:${ports[n]}"`)))
  writeFileSync(config, text)
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  expect(scripts.start).toBe('node bin/logweir.js run --config examples/logweir.yaml')
  const router = folder.shell(scripts.start.replace('examples/logweir.yaml', config))
  await router.said(/ready/)
  return { router, port: String(ports[0]), config }
}

/** What the example's forwarder wrote so far. */
function lines(name: string): string[] {
  const file = folder.at(`var/out/${name}`)
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
}

async function status(config: string): Promise<Ledger> {
  return JSON.parse(
    await folder.shell(`node bin/logweir.js status --json --config ${config}`).done(),
  ) as Ledger
}

test('a line of logger and the lines of loggen are in the right tenant’s file, and in no other', async (context) => {
  needs(context, 'logger', 'loggen')
  const { router, port, config } = await start()
  const line = command('logger', port)
  const message = /"(.*ACME-LEGACY)"/.exec(line)?.[1] ?? 'not in the command'
  expect(line).toContain(' -d ')
  const ways = ['-d', '-T', '-T --octet-count', '-d --rfc3164', '-T --rfc3164']
  for (const way of ways) await folder.shell(line.replace(' -d ', ` ${way} `)).done()
  await folder.shell(line.replace('ACME-LEGACY', GLOBEX)).done()
  const owned = ways.length + 1
  await expect.poll(async () => (await status(config)).owned, { timeout: 20_000 }).toBe(owned)
  await expect
    .poll(() => lines('acme.log').length + lines('globex.log').length, { timeout: 20_000 })
    .toBe(owned)
  expect(lines('acme.log').map((each) => each.endsWith(message))).toEqual(ways.map(() => true))
  expect(lines('globex.log').map((each) => each.endsWith(GLOBEX))).toEqual([true])
  expect(lines('orphans.log')).toEqual([])

  const before = await status(config)
  await folder.shell(command('loggen', port)).done()
  await expect
    .poll(async () => (await status(config)).received - before.received, { timeout: 20_000 })
    .toBe(30)
  const ledger = await status(config)
  expect(ledger.refused).toEqual({})
  expectBalanced(ledger)
  await router.end('SIGINT')
  expect(await router.exit).toBe(0)
})
