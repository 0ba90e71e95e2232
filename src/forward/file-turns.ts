/**
 * Turns at the system's threads for files. All work on files of all destinations runs on the few threads that Node has for them
 * (4, unless `UV_THREADPOOL_SIZE` says otherwise), and compression of HTTP bodies runs there too. A disk that hangs keeps the thread
 * that waits for it. So the files of one tenant have one thread at a time, and all files together leave one free (R25).
 */

/** `UV_THREADPOOL_SIZE`, as libuv reads it. */
const THREADS_DEFAULT = 4

type Done = () => void

export class FileTurns {
  readonly #max: number
  #taken = 0
  /** Tenants with a turn, and who of theirs waits for the next. */
  readonly #tenants = new Map<string, Done[]>()
  /** Tenants whose turn it is as soon as a thread is free. */
  readonly #queue: Done[] = []

  constructor(threads: number) {
    this.#max = Math.max(1, threads - 1)
  }

  /** Does the work when it is this tenant's turn. Fails as the work does. */
  async take<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const waiting = this.#tenants.get(tenant)
    if (waiting === undefined) this.#tenants.set(tenant, [])
    else await new Promise<void>((done) => waiting.push(done))
    if (this.#taken >= this.#max) await new Promise<void>((done) => this.#queue.push(done))
    else this.#taken += 1
    try {
      return await work()
    } finally {
      // The thread goes to whoever waits, and with it the count.
      const next = this.#queue.shift()
      if (next === undefined) this.#taken -= 1
      else next()
      const own = this.#tenants.get(tenant)?.shift()
      if (own === undefined) this.#tenants.delete(tenant)
      else own()
    }
  }
}

/** libuv's own reading: what is no number means the default. */
export function threadsOf(env: Readonly<Record<string, string | undefined>>): number {
  const size = Number(env['UV_THREADPOOL_SIZE'] ?? THREADS_DEFAULT)
  return Number.isInteger(size) && size > 0 ? size : THREADS_DEFAULT
}

/** Of this thread. With several workers one writes the files of all; the turns of the others wait for its answers. */
export const fileTurns = new FileTurns(threadsOf(process.env))
