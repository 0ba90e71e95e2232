/**
 * Datagrams that the kernel dropped because a socket's buffer was full (R30): the last column of `/proc/net/udp` and
 * `/proc/net/udp6`, for the sockets of this process (by inode) that are bound to a port.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { endianness } from 'node:os'
import { addressValue } from './prefixes.ts'

/** What is read of the system; tests put their own in. */
export interface ProcReader {
  /** The text of `/proc/net/udp` or `/proc/net/udp6`; empty when it is not there. */
  table(name: 'udp' | 'udp6'): string
  /** Inodes of this process's sockets. */
  inodes(): ReadonlySet<string>
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

export const systemProc: ProcReader = {
  table: (name) => {
    try {
      return readFileSync(`/proc/net/${name}`, 'latin1')
    } catch {
      return ''
    }
  },
  inodes: () => {
    const found = new Set<string>()
    try {
      for (const fd of readdirSync('/proc/self/fd')) {
        const inode = socketInode(fd)
        if (inode !== undefined) found.add(inode)
      }
    } catch {
      // No /proc: nothing is known of drops.
    }
    return found
  },
}

function socketInode(fd: string): string | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`)
    return target.startsWith('socket:[') ? target.slice('socket:['.length, -1) : undefined
  } catch {
    return undefined
  }
}

/** An address as the tables write it: 32-bit words in the machine's byte order, in hexadecimal; undefined for a name. */
export function tableAddress(host: string): string | undefined {
  const value = addressValue(host)
  if (value === undefined) return undefined
  const digits = value
    .toString(16)
    .padStart(isIPv6(host) ? 32 : 8, '0')
    .toUpperCase()
  const swapped = digits.replaceAll(/(..)(..)(..)(..)/g, '$4$3$2$1')
  return endianness() === 'LE' ? swapped : digits
}

/** Local address and port, inode and drops of a line of the table; undefined for the heading and what is cut. */
function readLine(line: string): { local: string; inode: string; drops: number } | undefined {
  const columns = line.trim().split(/\s+/)
  const local = columns[1] ?? ''
  const inode = columns[9] ?? ''
  const drops = Number(columns[12])
  if (!local.includes(':') || inode === '' || !Number.isSafeInteger(drops)) return undefined
  return { local, inode, drops }
}

/** Drops of the sockets of this process bound to `host` and `port`, by inode. */
export function readDrops(
  host: string,
  port: number,
  proc: ProcReader,
  own: ReadonlySet<string>,
): Map<string, number> {
  const drops = new Map<string, number>()
  // A connected socket has its concrete address in the table, also where the listener has every address, and may be an
  // IPv6 one for an IPv4 sender.
  const known = isIPv4(host) ? [host, `::ffff:${host}`] : [host]
  const addresses = EVERY_ADDRESS.has(host) ? [] : known.map(tableAddress)
  const anywhere = EVERY_ADDRESS.has(host) || addresses.includes(undefined)
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const name of ['udp', 'udp6'] as const) {
    for (const line of proc.table(name).split('\n')) {
      const socket = readLine(line)
      if (socket === undefined || !own.has(socket.inode)) continue
      if (!socket.local.endsWith(ending)) continue
      const ours = anywhere || addresses.includes(socket.local.slice(0, -ending.length))
      if (ours) drops.set(socket.inode, socket.drops)
    }
  }
  return drops
}

/**
 * Counts the drops of one listener. Workers that share a port each see the sockets of all (they are one process),
 * so each answers its share.
 */
export class KernelDrops {
  readonly #host: string
  readonly #port: number
  readonly #workers: number
  readonly #proc: ProcReader
  /** Read again each time where workers come and go, otherwise when it is said to have changed. */
  #own: ReadonlySet<string>
  /** Drops seen so far by inode; a socket that is gone keeps its count. */
  readonly #seen = new Map<string, number>()
  #stale: boolean
  #total = 0
  #answered = 0

  constructor(host: string, port: number, workers: number, proc: ProcReader = systemProc) {
    this.#host = host
    this.#port = port
    this.#workers = workers
    this.#proc = proc
    this.#stale = workers > 1
    this.#own = proc.inodes()
    for (const [inode, drops] of readDrops(host, port, proc, this.#own)) this.#seen.set(inode, drops)
  }

  /** This process opened or closed a socket of the port. */
  changed(): void {
    this.#stale = true
  }

  /** Drops since the last call. */
  read(): number {
    if (this.#stale) this.#own = this.#proc.inodes()
    this.#stale = this.#workers > 1
    for (const [inode, drops] of readDrops(this.#host, this.#port, this.#proc, this.#own)) {
      this.#total += Math.max(0, drops - (this.#seen.get(inode) ?? 0))
      this.#seen.set(inode, drops)
    }
    const share = Math.floor(this.#total / this.#workers)
    const fresh = share - this.#answered
    this.#answered = share
    return fresh
  }
}
