/** What the system says about a process: memory, descriptors, time on a processor. Linux only, as the router's own reading is. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Resident bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) * 1024
}

/** Open descriptors. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Milliseconds on a processor since it started, all threads. A tick of the kernel is 10 ms on every Linux we run on. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Looks at resident memory until it is stopped, and remembers the most. */
export class MemoryWatch {
  /** Bytes. */
  readonly at_start: number
  most = 0
  readonly #pid: number
  readonly #timer: NodeJS.Timeout

  constructor(pid: number, every_ms = 50) {
    this.#pid = pid
    this.at_start = residentBytes(pid)
    this.most = this.at_start
    this.#timer = setInterval(() => this.look(), every_ms)
  }

  look(): void {
    try {
      this.most = Math.max(this.most, residentBytes(this.#pid))
    } catch {
      // The process has ended; what was seen stays.
    }
  }

  /** Ends it; the bytes that memory grew by at most. */
  stop(): number {
    clearInterval(this.#timer)
    this.look()
    return this.most - this.at_start
  }
}

export const MIB: number = 1024 * 1024
/** `12.3 MiB` */
export const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`

/** Bytes of all files below a folder; those that vanish meanwhile count nothing. */
export function folderBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    try {
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
    } catch {
      // Unlinked between the listing and the look.
    }
  }
  return bytes
}
