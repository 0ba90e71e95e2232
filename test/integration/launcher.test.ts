/** The launcher under a Node that is too old, beside a newer one: a copy of it in a folder of its own, with a stub of the program. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { root } from '../support/tree.ts'

type Launched = ChildProcessByStdio<null, Readable, Readable>

/** Makes the first Node of the chain, and only that one, look old. */
const OLD = `data:text/javascript,if (!process.env.LOGWEIR_LAUNCHER)
  Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`

const STUB = `
const timer: NodeJS.Timeout = setInterval(() => {}, 1000)
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    console.log(signal)
    if (signal === 'SIGTERM') { clearInterval(timer); process.exitCode = 7 }
  })
console.log('up ' + process.argv.slice(2).join(' '))
`

let home: string

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'logweir-launcher-'))
  for (const folder of ['bin', 'src/cli']) mkdirSync(path.join(home, folder), { recursive: true })
  copyFileSync(path.join(root, 'bin/logweir.js'), path.join(home, 'bin/logweir.js'))
  writeFileSync(path.join(home, 'package.json'), '{"type":"module"}')
  writeFileSync(path.join(home, 'src/cli/main.ts'), STUB)
})

afterEach(() => rmSync(home, { recursive: true }))

function withNewerNode(): void {
  const folder = path.join(home, 'node_modules/.bin')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`)
  chmodSync(path.join(folder, 'node'), 0o755)
}

function launch(...words: string[]): Launched {
  return spawn(process.execPath, ['--import', OLD, path.join(home, 'bin/logweir.js'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, XDG_CACHE_HOME: home, NODE_COMPILE_CACHE: undefined },
  })
}

async function line(child: Launched): Promise<string> {
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  return chunk.toString().trim()
}

test('without a newer Node it says what to do and exits with 2', async () => {
  const child = launch('run')
  const [said] = (await once(child.stderr, 'data')) as [Buffer]
  const [code] = (await once(child, 'close')) as [number]
  expect(said.toString()).toMatch(/^logweir needs Node 22\.19 or newer and this is .*npm ci.*\n$/)
  expect(code).toBe(2)
})

test('arguments, signals and the exit code pass through', async () => {
  withNewerNode()
  const child = launch('run', '--config', 'a b')
  expect(await line(child)).toBe('up run --config a b')
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    child.kill(signal)
    expect(await line(child)).toBe(signal)
  }
  const [code] = (await once(child, 'close')) as [number]
  expect(code).toBe(7)
})

test('a launcher that is killed takes the router with it', async () => {
  withNewerNode()
  const child = launch('run')
  expect(await line(child)).toBe('up run')
  child.kill('SIGKILL')
  // Closed only when nobody holds the pipe any more, the router included.
  await once(child, 'close')
  expect(child.signalCode).toBe('SIGKILL')
})
