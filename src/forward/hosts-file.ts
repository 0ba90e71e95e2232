/**
 * `/etc/hosts`, because c-ares is asked for DNS only: names in it and `localhost` must work without a name
 * server. Read again when it changed, looked at most every five seconds; a broken file answers nothing.
 */
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { Clock } from '../base/clock.ts'

const LOOK_EVERY_MS = 5000
const FILE_MAX = 1_048_576
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']

/** Names (lower case) to addresses in file order. Lines that are not understood are passed over. */
export function parseHosts(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const hash = line.indexOf('#')
    const words = (hash === -1 ? line : line.slice(0, hash)).split(/[ \t\r]/).filter((word) => word !== '')
    const [address = '', ...names] = words
    if (isIP(address) === 0) continue
    for (const name of names) {
      const list = found.get(name.toLowerCase())
      if (list === undefined) found.set(name.toLowerCase(), [address])
      else if (!list.includes(address)) list.push(address)
    }
  }
  return found
}

export class HostsFile {
  readonly #path: string
  readonly #clock: Clock
  #names = new Map<string, string[]>()
  #looked_at = Number.NEGATIVE_INFINITY
  #stamp = ''

  constructor(clock: Clock, path = '/etc/hosts') {
    this.#clock = clock
    this.#path = path
  }

  /** Addresses of a name; undefined when the file has none. `localhost` always has. */
  async find(host: string): Promise<readonly string[] | undefined> {
    await this.#refresh()
    const name = host.toLowerCase().replace(/\.$/, '')
    const known = this.#names.get(name)
    if (known !== undefined) return known
    return name === 'localhost' || name.endsWith('.localhost') ? LOOPBACK : undefined
  }

  async #refresh(): Promise<void> {
    const now = this.#clock.monotonic()
    if (now - this.#looked_at < LOOK_EVERY_MS) return
    this.#looked_at = now
    try {
      const { mtimeMs, size, ino } = await stat(this.#path)
      const stamp = `${mtimeMs}/${size}/${ino}`
      if (stamp === this.#stamp || size > FILE_MAX) return
      this.#names = parseHosts(await readFile(this.#path, 'utf8'))
      this.#stamp = stamp
    } catch {
      // No hosts file is no failure: names then come from DNS alone.
    }
  }
}
