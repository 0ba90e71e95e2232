/** What a thread loads before anything asks for it is memory that every router pays. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')

/** Modules of the thread, and of Node itself, that stand in the way of a small router. */
const THREADS: readonly (readonly [string, string, readonly RegExp[]])[] = [
  [
    'a worker',
    'src/worker/pipeline.ts',
    [/deps\/undici/, /NativeModule (tls|http|https|http2)$/, /src\/listen\/(cfapi|relp|tls-gate|udp)/],
  ],
  ['the spool', 'src/spool/service.ts', [/deps\/undici/, /NativeModule (tls|http|https|http2)$/]],
]

test.each(THREADS)('%s begins without what few routers need', (_, entry, unwanted) => {
  const loaded = loadedBy(join(ROOT, entry))
  expect(loaded.length).toBeGreaterThan(20)
  expect(loaded.filter((name) => unwanted.some((one) => one.test(name)))).toEqual([])
})

function loadedBy(entry: string): string[] {
  const program = `
    const seen = []
    require('node:module').registerHooks({
      load(url, context, next) {
        seen.push(url)
        return next(url, context)
      },
    })
    import(${JSON.stringify(entry)}).then(() => {
      console.log(JSON.stringify([...seen, ...process.moduleLoadList]))
    })`
  const text = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', cwd: ROOT })
  return JSON.parse(text) as string[]
}
