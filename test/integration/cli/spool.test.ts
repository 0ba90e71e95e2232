/** Does `logweir spool` say and do what it promises, with a router that runs and with one that is stopped? */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SmallDisk } from '../../support/small-disk.ts'
import { tempFolder } from '../../support/temp-folder.ts'
import { FILES, logweir, OWN_LINE, said, start } from './support.ts'

const LINES = Array.from({ length: 20 }, (_, n) => OWN_LINE.replace('50244', String(50_000 + n)))

interface Status {
  readonly imbalance: number
  readonly forwarders: readonly {
    readonly spooled: number
    readonly delivered: number
    readonly dropped: Readonly<Record<string, number>>
  }[]
}

async function folderWith(): Promise<{ folder: string; config: readonly string[] }> {
  const folder = tempFolder({
    ...FILES,
    'logweir.yaml': `${FILES['logweir.yaml']}queue: { spill_after: 100ms }\nspool: { disk_free_min: 1MiB, key_file: keys }\n`,
    keys: `${'5a'.repeat(32)}\n`,
  })
  return { folder, config: ['--config', path.join(folder, 'logweir.yaml')] }
}

async function statusOf(config: readonly string[]): Promise<Status> {
  return JSON.parse((await logweir(['status', '--json', ...config])).stdout) as Status
}

async function until(config: readonly string[], holds: (status: Status) => boolean): Promise<Status> {
  for (let tries = 0; ; tries++) {
    const status = await statusOf(config)
    if (holds(status)) return status
    if (tries > 60) throw new Error(`it does not come to that: ${JSON.stringify(status.forwarders)}`)
  }
}

/** Starts the router, sends the lines and waits until they are on disk. */
async function spooling(config: readonly string[]): Promise<ReturnType<typeof start>> {
  const router = start(['run', ...config])
  const port = /tcp:\/\/127\.0\.0\.1:(\d+)/.exec(await said(router, /ready/))?.[1] ?? ''
  await logweir(['forwarder', 'pause', 't/archive', ...config])
  await logweir(['send', '--to', `tcp://127.0.0.1:${port}`], { stdin: `${LINES.join('\n')}\n` })
  await until(config, ({ forwarders }) => forwarders[0]?.spooled === LINES.length)
  return router
}

async function stop(router: ReturnType<typeof start>): Promise<void> {
  const ended = once(router, 'exit')
  router.kill('SIGTERM')
  await ended
}

test('a running router: list and show say what is on disk, purge asks first, and the ledger balances', async () => {
  const { config } = await folderWith()
  const router = await spooling(config)
  const list = await logweir(['spool', 'list', '--json', ...config])
  expect(JSON.parse(list.stdout)).toMatchObject({
    running: true,
    forwarders: [{ tenant: 't', forwarder: 'archive', events: LINES.length }],
  })
  expect((await logweir(['spool', 'show', 't', ...config])).stdout).toMatch(/t\/archive +paused +20 /)
  expect(await logweir(['spool', 'show', 'u', ...config])).toMatchObject({ code: 1, stdout: '' })

  const asked = await logweir(['spool', 'purge', 't/archive', ...config])
  expect(asked).toMatchObject({ code: 1 })
  expect(asked.stdout).toMatch(/^tenant t, forwarder archive: 20 events, the oldest of \d+ s ago\n$/)
  expect(asked.stderr).toContain('--yes')
  expect((await statusOf(config)).forwarders[0]?.spooled).toBe(LINES.length)

  const exporting = await logweir(['spool', 'export', 't', 'x.ndjson', ...config])
  expect(exporting).toMatchObject({ code: 2, stdout: '' })
  expect(exporting.stderr).toContain('is in use by another Logweir')

  const purged = await logweir(['spool', 'purge', 't/archive', '--yes', ...config])
  expect(purged).toMatchObject({ code: 0, stderr: '' })
  const { forwarders, imbalance } = await until(config, (status) => status.forwarders[0]?.spooled === 0)
  expect(imbalance).toBe(0)
  expect(forwarders[0]?.dropped['purged']).toBeGreaterThan(0)
  await stop(router)
})

test('a stopped router: what is exported, purged and imported again is delivered once, by the next start', async () => {
  const { folder, config } = await folderWith()
  await stop(await spooling(config))
  const before = readdirSync(path.join(folder, 'var'), { recursive: true })
    .map(String)
    .sort((a, b) => (a < b ? -1 : 1))
  const list = await logweir(['spool', 'list', '--json', ...config])
  expect(JSON.parse(list.stdout)).toMatchObject({
    running: false,
    forwarders: [{ tenant: 't', forwarder: 'archive', events: LINES.length }],
    quarantine: { files: 0 },
  })
  expect((await logweir(['spool', 'show', 't/archive', ...config])).stdout).toMatch(/stop-1\.db|0000\.db/)
  expect(
    readdirSync(path.join(folder, 'var'), { recursive: true })
      .map(String)
      .sort((a, b) => (a < b ? -1 : 1)),
  ).toEqual(before)

  const [batches, events] = [path.join(folder, 'b.ndjson'), path.join(folder, 'e.ndjson')]
  expect((await logweir(['spool', 'export', 't/archive', batches, ...config])).code).toBe(0)
  expect((await logweir(['spool', 'export', 't', events, '--as', 'events', ...config])).code).toBe(0)
  const disk = SmallDisk.mount(path.join(folder, 'small'), 65_536)
  if (disk !== undefined) {
    onTestFinished(() => disk.unmount())
    disk.fill()
    const half = path.join(disk.folder, 'half.ndjson')
    const exported = await logweir(['spool', 'export', 't', half, ...config])
    expect(exported.code).toBe(1)
    expect(exported.stderr).toMatch(/cannot write .*half\.ndjson: ENOSPC/)
    expect(existsSync(half)).toBe(false)
  }
  const texts = readFileSync(events, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { text: string })
  expect(texts.map(({ text }) => text)).toEqual(LINES)
  expect((await logweir(['spool', 'export', 't', batches, ...config])).stderr).toContain('EEXIST')

  expect((await logweir(['spool', 'purge', 't/archive', '--yes', ...config])).stdout).toContain(
    '20 events were purged',
  )
  expect((await logweir(['spool', 'list', ...config])).stdout).toBe('nothing is on disk\n')

  writeFileSync(batches, `${readFileSync(batches, 'utf8')}nonsense\n`)
  const imported = await logweir(['spool', 'import', batches, '--json', ...config])
  expect(JSON.parse(imported.stdout)).toMatchObject({ imported: LINES.length, refused: 1 })
  expect(imported.code).toBe(1)

  const router = start(['run', ...config])
  await said(router, /ready/)
  await logweir(['forwarder', 'resume', 't/archive', ...config])
  const { imbalance } = await until(config, (status) => status.forwarders[0]?.delivered === LINES.length)
  expect(imbalance).toBe(0)
  await stop(router)
  expect(readFileSync(path.join(folder, 'out/t.log'), 'utf8').trim().split('\n')).toEqual(LINES)
})

test('what a lost key set aside comes back with the key', async () => {
  const { folder, config } = await folderWith()
  await stop(await spooling(config))
  const keys = path.join(folder, 'keys')
  const right = readFileSync(keys, 'utf8')
  writeFileSync(keys, `${'11'.repeat(32)}\n`)
  const router = start(['run', ...config])
  await said(router, /ready/)
  await logweir(['forwarder', 'resume', 't/archive', ...config])
  const { imbalance } = await until(
    config,
    ({ forwarders }) => forwarders[0]?.dropped['spool_damaged'] === LINES.length,
  )
  expect(imbalance).toBe(0)
  await stop(router)
  expect((await logweir(['spool', 'list', ...config])).stdout).toContain('set aside in quarantine')

  const early = await logweir(['spool', 'recover', ...config])
  expect(early.code).toBe(1)
  expect(early.stdout).toContain('0 events are in the spool again')
  writeFileSync(keys, `${'11'.repeat(32)}\n${right}`)
  const late = await logweir(['spool', 'recover', ...config])
  expect(late).toMatchObject({ code: 0, stderr: expect.stringContaining('took over 20 events') })
  expect(readdirSync(path.join(folder, 'var/spool/quarantine'))).toEqual([])
  expect(await logweir(['spool', 'recover', ...config])).toMatchObject({
    code: 0,
    stdout: '0 events are in the spool again\n',
  })

  const again = start(['run', ...config])
  await said(again, /ready/)
  await until(config, (status) => status.forwarders[0]?.delivered === LINES.length)
  await stop(again)
  expect(readFileSync(path.join(folder, 'out/t.log'), 'utf8').trim().split('\n')).toEqual(LINES)
})

test('words that make no sense are a usage error', async () => {
  for (const words of [
    [],
    ['burn'],
    ['show'],
    ['purge', 't'],
    ['list', 't'],
    ['list', '--yes'],
    ['recover', '--as', 'events'],
  ]) {
    expect((await logweir(['spool', ...words])).code).toBe(2)
  }
  expect(existsSync('FILE')).toBe(false)
})
