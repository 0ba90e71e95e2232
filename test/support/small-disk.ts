/** A file system of so many bytes, where the system lets us make one (root on Linux). */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export class SmallDisk {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Undefined where that is not allowed. */
  static mount(folder: string, bytes: number): SmallDisk | undefined {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'logweir-test', folder], {
        stdio: 'ignore',
      })
    } catch {
      return undefined
    }
    return new SmallDisk(folder)
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.folder)
    return bavail * bsize
  }

  /** Takes everything that is free but `left` bytes. */
  fill(left = 0): void {
    const bytes = Math.max(0, this.free - left)
    writeFileSync(join(this.folder, 'ballast'), Buffer.alloc(bytes))
  }

  empty(): void {
    rmSync(join(this.folder, 'ballast'), { force: true })
  }

  readOnly(): void {
    execFileSync('mount', ['-o', 'remount,ro', this.folder])
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.folder])
  }
}
