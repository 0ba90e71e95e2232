/**
 * A receiver whose machine vanishes without a word: from then on its system takes no packet of the connection and
 * confirms none (a socket filter that drops all), which is what a cut cable looks like from the other end.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const SCRIPT = `
import ctypes, socket, struct, sys, threading
server = socket.create_server(('127.0.0.1', 0))
print('port', server.getsockname()[1], flush=True)
taken = []
def take(conn):
    while True:
        data = conn.recv(65536)
        if not data: break
        for line in data.decode().splitlines(): print('line', line, flush=True)
def accept():
    while True:
        conn, _ = server.accept()
        taken.append(conn)
        print('connected', flush=True)
        threading.Thread(target=take, args=(conn,), daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
drop = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0))
program = struct.pack('HL', 1, ctypes.addressof(drop))
for _ in sys.stdin:
    for conn in taken: conn.setsockopt(socket.SOL_SOCKET, 26, program)
    print('gone', flush=True)
`

/** Why it cannot be had here; empty when it can. */
export function whyNoHalfOpen(): string {
  if (process.platform !== 'linux') return 'only Linux has socket filters and /proc/net/tcp'
  return spawnSync('python3', ['-c', 'import ctypes']).status === 0 ? '' : 'there is no python3'
}

export class HalfOpen {
  readonly lines: string[] = []
  port = 0
  connects = 0
  #child: ReturnType<typeof spawn> | undefined
  readonly #watchers = new Set<() => void>()

  async open(): Promise<this> {
    const child = spawn('python3', ['-u', '-c', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (text) => {
      const [word = '', rest = ''] = text.split(/ (.*)/s)
      if (word === 'port') this.port = Number(rest)
      if (word === 'connected') this.connects += 1
      if (word === 'line') this.lines.push(rest)
      if (word === 'gone') this.#gone = true
      for (const watch of this.#watchers) watch()
    })
    await this.until(() => this.port !== 0)
    return this
  }

  #gone = false

  /** From here on nobody answers on the connections that there are; new ones are taken. */
  async vanish(): Promise<void> {
    this.#gone = false
    this.#child?.stdin?.write('\n')
    await this.until(() => this.#gone)
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!holds()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
    })
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
