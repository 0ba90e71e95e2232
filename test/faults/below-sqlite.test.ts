/**
 * Faults below SQLite, by a library that is built here and loaded before the process: a sync that fails (R5), a disk that
 * forgets whatever was not synced, down to torn sectors (R3), writes that are cut short or find no room.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterAll, expect, test, type TestContext } from 'vitest'
import { runSeed, seeded } from '../support/chance.ts'
import { say } from '../support/say.ts'
import { Oracle } from '../support/spool-oracle.ts'
import { TempFolder } from '../support/spools.ts'

/** By hand: LOGWEIR_FAULT_CUTS=10000. */
const CUTS = Number(process.env['LOGWEIR_FAULT_CUTS'] ?? 12)
const SECTOR = 512
/** Which sync fails, counted from the start of a process. */
const SYNCS = [3, 8, 14, 20, 26, 38, 39, 40, 41, 43, 61, 90]
const child = fileURLToPath(new URL('../support/spool-child.ts', import.meta.url))
const source = fileURLToPath(new URL('../support/disk-shim.c', import.meta.url))

const built = new TempFolder()
afterAll(() => built[Symbol.dispose]())

/** The library; skips where there is no compiler. */
function shim(context: TestContext): string {
  const path = join(built.path, 'shim.so')
  if (existsSync(path)) return path
  try {
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', path, source, '-ldl'], { stdio: 'pipe' })
  } catch {
    context.skip('there is no gcc, or it cannot build for this system')
  }
  return path
}

interface Ran {
  readonly output: string
  readonly code: number | null
}

/** A child on a disk with faults. */
async function run(library: string, folder: string, faults: Readonly<Record<string, string>>): Promise<Ran> {
  const running = spawn(process.execPath, [child, folder, '40', 'full'], {
    env: { ...process.env, LD_PRELOAD: library, SHIM_UNDER: '/spool/', LOGWEIR_CHILD_RETRY: '1', ...faults },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  running.stderr.on('data', (text) => (errors += String(text)))
  running.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(running, 'close')) as [number | null]
  expect(errors.split('\n').filter((line) => /Error/.test(line))).toEqual([])
  return { output, code }
}

function heard(output: string): Oracle {
  const oracle = new Oracle()
  oracle.hear(output)
  return oracle
}

/** Sequences in a chain's file, whoever wrote them. */
function rowsOf(path: string): number[] {
  const db = new Database(path, { readonly: true })
  try {
    return db.prepare('SELECT sequence FROM batch').pluck().all() as number[]
  } finally {
    db.close()
  }
}

test('R5: a sync fails: nothing of it is called safe before another file has it, and the file gets no more rows', async (context) => {
  const library = shim(context)
  let met = 0
  for (const nth of SYNCS) {
    using folder = new TempFolder()
    const log = join(folder.path, 'failed')
    const { output, code } = await run(library, folder.path, { SHIM_FAIL: `sync@${nth}`, SHIM_LOG: log })
    expect([nth, code, existsSync(log)]).toEqual([nth, 0, true])
    const path = readFileSync(log, 'utf8')
      .trim()
      .replace(/-journal$/, '')
    const refused = /^E (\S+) (\d+)$/m.exec(output)
    if (refused !== null && existsSync(path) && /\/\d{16}(\.\d+)?\.db$/.test(path)) {
      // What was refused is in another file: in this one are only rows from before.
      expect([nth, Math.max(-1, ...rowsOf(path)) < Number(refused[2])]).toEqual([nth, true])
      met += 1
    }
    heard(output).check(folder.path)
  }
  say(`R5: ${met} of ${SYNCS.length} failed syncs were of a file with rows in it`)
  expect(met).toBeGreaterThan(0)
})

test.for([
  ['write', 'no room'],
  ['short', 'cut short'],
] as const)(
  'R3: writes below SQLite that find %s: what was called safe is there, and the next goes through',
  async ([kind], context) => {
    const library = shim(context)
    for (const nth of [2, 25, 110]) {
      using folder = new TempFolder()
      const log = join(folder.path, 'failed')
      const { output, code } = await run(library, folder.path, { SHIM_FAIL: `${kind}@${nth}`, SHIM_LOG: log })
      expect([nth, code, existsSync(log)]).toEqual([nth, 0, true])
      heard(output).check(folder.path, kind === 'short')
    }
  },
)

/** The folder as a disk may have it after a power cut: what was synced, and of the rest any sectors. */
function cut(from: string, shadow: string, to: string, random: () => number): number {
  let torn = 0
  for (const name of readdirSync(shadow)) {
    if (name.endsWith('.fresh')) continue
    const path = name.replaceAll('!', '/').replace(/^\//, '')
    const synced = readFileSync(join(shadow, name))
    const now = existsSync(join(from, path)) ? readFileSync(join(from, path)) : synced
    // A file may have its old length or its new one.
    const left = Buffer.alloc(random() < 0.5 ? Math.max(synced.length, now.length) : synced.length)
    synced.copy(left)
    for (let at = 0; at < left.length; at += SECTOR) {
      const differs = now.subarray(at, at + SECTOR).compare(left.subarray(at, at + SECTOR)) !== 0
      if (!differs || random() < 0.5) continue
      now.copy(left, at, at, Math.min(at + SECTOR, now.length))
      torn += 1
    }
    mkdirSync(dirname(join(to, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(to, path), left, { mode: 0o600 })
  }
  return torn
}

test(`R3: ${CUTS} power cuts: what was not synced is gone or torn, what was called safe with \`sync: full\` is there`, async (context) => {
  const library = shim(context)
  const seed = runSeed()
  const random = seeded(seed)
  let [torn, owed] = [0, 0]
  for (let round = 0; round < CUTS; round++) {
    using folder = new TempFolder()
    using after = new TempFolder()
    const shadow = join(folder.path, 'shadow')
    mkdirSync(shadow)
    const faults = { SHIM_SHADOW: shadow, SHIM_FAIL: `kill@${1 + Math.floor(random() * 250)}` }
    const { output } = await run(library, folder.path, faults)
    torn += cut(folder.path, shadow, after.path, random)
    const oracle = heard(output)
    owed += oracle.owed.size
    oracle.check(after.path, false)
  }
  expect(torn).toBeGreaterThan(0)
  expect(owed).toBeGreaterThan(0)
  say(`R3: seed ${seed}, ${CUTS} power cuts, ${owed} batches owed and there, ${torn} sectors torn`)
})
