/** Runs the real command as a child process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { root } from '../../support/tree.ts'

export const BIN: string = path.join(root, 'bin/logweir.js')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Options {
  readonly cwd?: string
  readonly stdin?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
}

/** Runs `logweir` with these words until it ends. */
export async function logweir(words: readonly string[], options: Options = {}): Promise<Ended> {
  const child = start(words, options)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.stdin ?? '')
  await once(child, 'close')
  return { code: child.exitCode, stdout: stdout(), stderr: stderr() }
}

/** Starts it; it is gone when the test ends. */
export function start(words: readonly string[], { cwd = root, env = {} }: Options = {}): ChildProcess {
  const child = spawn(process.execPath, [BIN, ...words], {
    cwd,
    env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, LOGWEIR_DEBUG: undefined, ...env },
    stdio: 'pipe',
  })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  return child
}

/** Everything that a stream has said so far. */
export function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

/** Resolves with the text so far when the child has said something that fits; fails when it ends before. */
export async function said(child: ChildProcess, what: RegExp): Promise<string> {
  let text = ''
  let wrong = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    wrong += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (what.test(text)) resolve(text)
    })
    child.once('close', () => reject(new Error(`it ended before saying ${String(what)}:\n${text}\n${wrong}`)))
  })
}

const TENANT = '5b2abda9-aa2e-4745-a33b-b4b8fa1dc5f4'

/** A line of an NSX-V host that belongs to tenant `t` of {@link FILES}. */
export const OWN_LINE = `<13>1 2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG 1 - - 5c4d7b1e INET match DROP domain-c7/1002 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S ${TENANT}`

/** A small configuration that writes below its own folder. */
export const FILES: Readonly<Record<string, string>> = {
  'logweir.yaml': `version: 1
listeners:
  - { name: tcp, transport: tcp, bind: "127.0.0.1:0", allow: ["127.0.0.0/8"] }
sources:
  - { name: here, from: ["127.0.0.0/8"] }
rules: rules
data: var
reload: { watch: false }
admin: { bind: "unix:admin.sock" }
`,
  'rules/t.yaml': `version: 1
tenants:
  - org: { id: c4d5e6f7-0819-4a2b-bc3d-4e5f60718293 }
    name: t
    org_vdcs: [{ name: main, id: ${TENANT} }]
    forwarders:
      - { name: archive, to: "file:../out/t.log" }
`,
}
