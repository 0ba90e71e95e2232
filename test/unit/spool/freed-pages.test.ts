import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const MODULE = join(import.meta.dirname, '..', '..', '..', 'src', 'spool', 'freed-pages.ts')
const glibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header

/** 200 MB in small pieces of which every hundredth stays, so that no end of the heap is free. */
const PROGRAM = `
import { giveFreedPagesBack } from ${JSON.stringify(MODULE)}
let pieces = []
for (let i = 0; i < 50_000; i++) pieces.push(new Uint8Array(new ArrayBuffer(4000)).fill(1))
const kept = pieces.filter((_, i) => i % 100 === 0)
pieces = []
globalThis.gc()
await new Promise((done) => setTimeout(done, 100))
const before = process.memoryUsage.rss()
giveFreedPagesBack()
giveFreedPagesBack()
const freed = before - process.memoryUsage.rss()
console.log(JSON.stringify({ freed, whole: kept.every((one) => one.every((byte) => byte === 1)) }))
`

test.skipIf(glibc.glibcVersionRuntime === undefined)(
  'pages between pieces that stay go back to the system',
  () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--expose-gc', '--input-type=module', '--eval', PROGRAM],
      { encoding: 'utf8', env: { ...process.env, MALLOC_TRIM_THRESHOLD_: String(2 ** 30) } },
    )
    expect({ status, stderr }).toMatchObject({ status: 0 })
    const { freed, whole } = JSON.parse(stdout) as { freed: number; whole: boolean }
    expect(whole).toBe(true)
    expect(freed).toBeGreaterThan(50e6)
  },
)
