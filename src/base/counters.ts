/**
 * Counters in shared memory: written by one worker, read by main without asking. A cell is a float64 (exact
 * to 2^53); one block of cells per listener, tenant and forwarder. Main allocates blocks and keeps them
 * over reloads and over a worker's death, so a name's counts never go back.
 */

/** Cells of a worker's own block. */
export const WorkerCell = {
  received: 0,
  owned: 1,
  /** Four orphan reasons, in the order of {@link ORPHAN_REASONS}. */
  orphaned: 2,
  memory_used: 6,
  /** Bytes of frames received. */
  received_bytes: 7,
  sender_cut: 8,
  /** Wall ms when the disk last refused a write, 0 when it has taken one since. */
  spool_failed_at: 9,
  size: 16,
} as const

export const ORPHAN_REASONS = ['no_label', 'unknown_label', 'ambiguous_label', 'untrusted_source'] as const

/** Cells of a tenant's block. */
export const TenantCell = { owned: 0, size: 2 } as const

export const DROP_REASONS = [
  'queue_full',
  'spool_error',
  'spool_damaged',
  'rejected',
  'too_large',
  'unencodable',
  'send_error',
  'tenant_rate',
  'removed',
  'crash',
  'sampled',
  'forwarder_rate',
  'purged',
  'expired',
] as const

/** Reasons that a block has room for: new ones move nothing. */
export const DROP_REASONS_MAX = 24
export type DropReason = (typeof DROP_REASONS)[number]

/** Upper bounds in seconds of the delivery histogram, receive to acknowledged; one more cell is `+Inf`. */
export const DELIVERY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600] as const

export const DESTINATION_STATES = ['active', 'retrying', 'paused', 'stopped'] as const

/** Cells of a forwarder's block. The first row is the ledger. */
export const ForwarderCell = {
  enqueued: 0,
  delivered: 1,
  queued: 2,
  spooled: 3,
  in_flight: 4,
  /** One a reason, in the order of {@link DROP_REASONS}. */
  dropped: 5,
  queued_bytes: 5 + DROP_REASONS_MAX,
  spooled_bytes: 6 + DROP_REASONS_MAX,
  bytes_out: 7 + DROP_REASONS_MAX,
  /** Index into {@link DESTINATION_STATES}. */
  state: 8 + DROP_REASONS_MAX,
  /** Receive time (wall, ms) of the oldest event held, 0 when none. */
  oldest_at: 9 + DROP_REASONS_MAX,
  /** Events that it was asked for, and those that its rules let through, since the start. */
  asked: 10 + DROP_REASONS_MAX,
  matched: 11 + DROP_REASONS_MAX,
  /** Cumulated by the reader: one cell a bucket, then +Inf, then the sum in seconds. */
  delivery: 12 + DROP_REASONS_MAX,
  delivery_sum: 12 + DROP_REASONS_MAX + DELIVERY_BUCKETS.length + 1,
  /** When the first certificate of its last TLS connection ends (wall, ms), 0 when it had none. */
  certificate_ends_at: 12 + DROP_REASONS_MAX + DELIVERY_BUCKETS.length + 2,
  size: 12 + DROP_REASONS_MAX + DELIVERY_BUCKETS.length + 3,
} as const

export const REFUSE_REASONS = [
  'not_allowed',
  'unknown_source',
  'rate',
  'connections_max',
  'connections_per_address',
  'handshakes_max',
  'handshakes_per_address',
  'handshake_failed',
  'handshake_timeout',
  'client_certificate',
  'tls_on_plain',
  'plain_on_tls',
  'frame_timeout',
  'idle_timeout',
  'desynchronised',
  'reset',
  'empty',
  'queue_full',
  'descriptors',
  'proxy_missing',
  'proxy_invalid',
  'proxy_timeout',
  'proxy_forged',
  'relp_framing',
  'relp_protocol',
  'request_invalid',
  'request_too_large',
  'unauthorized',
  'closing',
] as const

/** Refusal reasons that a block has room for: new ones move nothing. */
export const REFUSE_REASONS_MAX = 56

/** Streams that a listener's block has room for; a rule set with more is refused. */
export const STREAMS_MAX = 64

/** Cells of a listener's block. */
export const ListenerCell = {
  /** One a reason, in the order of {@link REFUSE_REASONS}. */
  refused: 0,
  truncated: REFUSE_REASONS_MAX,
  leading_zeros: REFUSE_REASONS_MAX + 1,
  connections: REFUSE_REASONS_MAX + 2,
  kernel_drops: REFUSE_REASONS_MAX + 3,
  /** Events received, one a stream in the order of the rules. */
  received: REFUSE_REASONS_MAX + 8,
  size: REFUSE_REASONS_MAX + 8 + STREAMS_MAX,
} as const

/** Forms of headers that a source's block has room for. */
export const FORMS_MAX = 4

/** Cells of a source's block; peers of no source share one, named ''. */
export const SourceCell = {
  /** One a reason, in the order of {@link REFUSE_REASONS}. */
  refused: 0,
  truncated: REFUSE_REASONS_MAX,
  /** Events that say that their sender cut them. */
  cut_by_sender: REFUSE_REASONS_MAX + 1,
  invalid: REFUSE_REASONS_MAX + 2,
  /** Wall ms of an event at most a second older than the last; 0: none yet. */
  last_seen_at: REFUSE_REASONS_MAX + 3,
  /** Wall ms of the last event whose time was compared with ours, 0: none; and how far ahead the senders' clocks were, ms. */
  skew_at: REFUSE_REASONS_MAX + 4,
  skew_least: REFUSE_REASONS_MAX + 5,
  skew_most: REFUSE_REASONS_MAX + 6,
  /** Events received: for each form of header one a stream. */
  received: REFUSE_REASONS_MAX + 8,
  size: REFUSE_REASONS_MAX + 8 + FORMS_MAX * STREAMS_MAX,
} as const

/** Cells of a named condition's block: events for which it was asked, and for which it held. */
export const ConditionCell = { asked: 0, held: 1, size: 2 } as const

/** Cells of the block of what events' owners were found by: a label format, `literal`, a kind of key. */
export const FoundByCell = { events: 0, size: 1 } as const

export type CounterKind = 'worker' | 'listener' | 'source' | 'tenant' | 'forwarder' | 'condition' | 'found_by'

const SIZES: Readonly<Record<CounterKind, number>> = {
  worker: WorkerCell.size,
  listener: ListenerCell.size,
  source: SourceCell.size,
  tenant: TenantCell.size,
  forwarder: ForwarderCell.size,
  condition: ConditionCell.size,
  found_by: FoundByCell.size,
}

/** Where newly allocated blocks are; sent to the worker, which makes its own views. */
export interface CounterGrant {
  /** The cells, and behind them as many for what was last published. */
  readonly memory: SharedArrayBuffer
  readonly blocks: readonly { readonly kind: CounterKind; readonly name: string; readonly cell: number }[]
}

/**
 * All blocks of one worker, on either side. The worker counts in `block`; readers want numbers of one moment that add
 * up, so they read `published`, which holds what the cells were at the last {@link publish}: at a boundary, never in
 * the middle of an event.
 */
export class Counters {
  readonly #blocks = new Map<string, Float64Array>()
  readonly #published = new Map<string, Float64Array>()
  readonly #memories: Float64Array[] = []

  /** Main: makes blocks for the names that have none yet, in one piece of memory. */
  allocate(wanted: readonly { readonly kind: CounterKind; readonly name: string }[]): CounterGrant {
    const fresh = wanted.filter(({ kind, name }) => !this.#blocks.has(`${kind}:${name}`))
    let cells = 0
    const blocks = fresh.map(({ kind, name }) => {
      const cell = cells
      cells += SIZES[kind]
      return { kind, name, cell }
    })
    const grant = { memory: new SharedArrayBuffer(Math.max(1, cells) * 16), blocks }
    this.adopt(grant)
    return grant
  }

  /** Takes blocks over that the other side allocated. */
  adopt(grant: CounterGrant): void {
    const half = grant.memory.byteLength / 2
    this.#memories.push(new Float64Array(grant.memory))
    for (const { kind, name, cell } of grant.blocks) {
      this.#blocks.set(`${kind}:${name}`, new Float64Array(grant.memory, cell * 8, SIZES[kind]))
      this.#published.set(`${kind}:${name}`, new Float64Array(grant.memory, half + cell * 8, SIZES[kind]))
    }
  }

  /** Makes what the cells hold now the numbers that readers see. By the worker; by main when the worker is dead. */
  publish(): void {
    for (const memory of this.#memories) memory.copyWithin(memory.length / 2, 0, memory.length / 2)
  }

  /** A block as it was last published; undefined for a name that has none. */
  published(kind: CounterKind, name: string): Float64Array | undefined {
    return this.#published.get(`${kind}:${name}`)
  }

  /** All that was ever allocated, for a worker that starts again. */
  grants(): CounterGrant[] {
    const byMemory = new Map<SharedArrayBuffer, { kind: CounterKind; name: string; cell: number }[]>()
    for (const [key, block] of this.#blocks) {
      const memory = block.buffer as SharedArrayBuffer
      const colon = key.indexOf(':')
      const entry = {
        kind: key.slice(0, colon) as CounterKind,
        name: key.slice(colon + 1),
        cell: block.byteOffset / 8,
      }
      const list = byMemory.get(memory)
      if (list === undefined) byMemory.set(memory, [entry])
      else list.push(entry)
    }
    return [...byMemory].map(([memory, blocks]) => ({ memory, blocks }))
  }

  block(kind: CounterKind, name: string): Float64Array {
    const block = this.#blocks.get(`${kind}:${name}`)
    if (block === undefined) throw new Error(`no counters for ${kind} ${name}`)
    return block
  }

  find(kind: CounterKind, name: string): Float64Array | undefined {
    return this.#blocks.get(`${kind}:${name}`)
  }

  names(kind: CounterKind): string[] {
    const prefix = `${kind}:`
    return [...this.#blocks.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length))
  }
}

/** Adds `by` to a cell: a typed array's cell may be undefined to the type checker, never in fact. */
export function add(block: Float64Array, cell: number, by: number): void {
  block[cell] = (block[cell] as number) + by
}
