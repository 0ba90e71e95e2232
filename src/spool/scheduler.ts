/**
 * Whose turn it is. Writes that arrive while a commit runs go together into the next; each chain has a turn of
 * bounded bytes, so that one tenant's backlog delays another's by one turn at most; reads and writes alternate.
 */
import { Deque } from '../queue/deque.ts'
import type { SpoolRow } from '../queue/spool-port.ts'
import { TURN_BYTES, TURN_ROWS } from './limits.ts'
import type { WorkerSpool, WriteResult } from './worker-spool.ts'

export interface PendingWrite {
  readonly row: SpoolRow
  readonly disk_max: number
  readonly settle: (outcome: 'committed' | 'full' | 'error', reason: string) => void
}

interface Lane {
  readonly spool: WorkerSpool
  readonly key: string
  readonly waiting: Deque<PendingWrite>
}

export class Scheduler {
  /** Chains with something to write, the longest waiting first. */
  readonly #ready = new Deque<Lane>()
  readonly #lanes = new Map<WorkerSpool, Map<string, Lane>>()
  readonly #reads = new Deque<() => void>()
  readonly #wake: () => void

  /** `wake` is called when there is something to do; then {@link turn} is called until it gives false. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  write(spool: WorkerSpool, key: string, write: PendingWrite): void {
    let lanes = this.#lanes.get(spool)
    if (lanes === undefined) {
      lanes = new Map()
      this.#lanes.set(spool, lanes)
    }
    let lane = lanes.get(key)
    if (lane === undefined) {
      lane = { spool, key, waiting: new Deque() }
      lanes.set(key, lane)
    }
    lane.waiting.push(write)
    if (lane.waiting.length === 1) this.#ready.push(lane)
    this.#wake()
  }

  read(act: () => void): void {
    this.#reads.push(act)
    this.#wake()
  }

  /** One read and one chain's commit; false when nothing is left. */
  turn(): boolean {
    this.#reads.shift()?.()
    const lane = this.#ready.shift()
    if (lane !== undefined) {
      this.#commit(lane)
      if (lane.waiting.length > 0) this.#ready.push(lane)
      else this.#lanes.get(lane.spool)?.delete(lane.key)
    }
    return this.#reads.length > 0 || this.#ready.length > 0
  }

  /** Commits everything that waits. */
  drain(): void {
    while (this.turn());
  }

  #commit(lane: Lane): void {
    const rows = turnOf(lane.waiting)
    const { disk_max } = lane.waiting.peek() as PendingWrite
    const result: WriteResult = lane.spool.write(lane.key, rows, disk_max)
    // A refusal is for all that wait: a later batch that gets through would stand before one that comes back.
    const count = result.outcome === 'committed' ? result.count : lane.waiting.length
    for (let n = 0; n < count; n++) {
      const write = lane.waiting.shift() as PendingWrite
      write.settle(result.outcome, result.outcome === 'committed' ? '' : result.reason)
    }
  }
}

/** The rows of one turn, at least one. */
function turnOf(waiting: Deque<PendingWrite>): SpoolRow[] {
  const rows: SpoolRow[] = []
  let bytes = 0
  for (const { row } of waiting) {
    if (rows.length > 0 && bytes + row.bytes.byteLength > TURN_BYTES) break
    bytes += row.bytes.byteLength
    rows.push(row)
    if (rows.length >= TURN_ROWS) break
  }
  return rows
}
