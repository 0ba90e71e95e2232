/**
 * Metrics in Prometheus' text form, made when somebody scrapes: the workers' cells are read then and only
 * then. Labels are names from configuration and rules, never from events (R70).
 */
import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import {
  ConditionCell,
  type Counters,
  DELIVERY_BUCKETS,
  DESTINATION_STATES,
  ForwarderCell,
  FoundByCell,
  ListenerCell,
  ORPHAN_REASONS,
  REFUSE_REASONS,
  TenantCell,
  WorkerCell,
} from '../base/counters.ts'
import { cell, earliest, type Ledger, names, readReasons, sumBlocks } from './ledger.ts'
import type { SourceLedger } from './sources.ts'
import type { Supervisor } from './supervisor.ts'

/** What the collectors read; refreshed at each scrape. */
interface Scrape {
  readonly workers: readonly Counters[]
  readonly ledger: Ledger
  readonly sources: readonly SourceLedger[]
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number]

export class Metrics {
  readonly #registry = new Registry()
  readonly #supervisor: Supervisor
  #scrape: Scrape | undefined

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor
    this.#declareEvents()
    this.#declareSources()
    this.#declareForwarders()
    this.#declareRouter()
    this.#registry.registerMetric(new DeliveryHistogram(() => this.#read().workers))
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The exposition text. */
  async text(): Promise<string> {
    const { ledger, sources } = await this.#supervisor.measure()
    this.#scrape = { workers: this.#supervisor.counters, ledger, sources }
    return this.#registry.metrics()
  }

  #read(): Scrape {
    if (this.#scrape === undefined) throw new Error('collected outside a scrape')
    return this.#scrape
  }

  #counter(
    name: string,
    help: string,
    labelNames: string[],
    read: (scrape: Scrape) => Iterable<Sample>,
  ): void {
    const scrape = (): Scrape => this.#read()
    const counter = new Counter({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const [labels, value] of read(scrape())) this.inc(labels, value)
      },
    })
    this.#registry.registerMetric(counter)
  }

  #gauge(name: string, help: string, labelNames: string[], read: (scrape: Scrape) => Iterable<Sample>): void {
    const scrape = (): Scrape => this.#read()
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      collect() {
        this.reset()
        for (const [labels, value] of read(scrape())) this.set(labels, value)
      },
    })
    this.#registry.registerMetric(gauge)
  }

  #declareEvents(): void {
    const listeners = ({ workers }: Scrape): [string, Float64Array][] =>
      names(workers, 'listener').map((name) => [
        name,
        sumBlocks(workers, 'listener', name, ListenerCell.size),
      ])
    const streams = (): string[] => this.#supervisor.plan.streams.map((stream) => stream.name)
    this.#counter('logweir_events_received_total', 'Events taken in.', ['listener', 'stream'], (scrape) =>
      listeners(scrape).flatMap(([listener, cells]) =>
        streams().map((stream, n): Sample => [{ listener, stream }, cell(cells, ListenerCell.received + n)]),
      ),
    )
    this.#counter(
      'logweir_events_refused_total',
      'Events not taken in, by reason.',
      ['listener', 'reason'],
      (scrape) =>
        listeners(scrape).flatMap(([listener, cells]) =>
          Object.entries(readReasons(cells, ListenerCell.refused, REFUSE_REASONS)).map(
            ([reason, value]): Sample => [{ listener, reason }, value],
          ),
        ),
    )
    this.#counter(
      'logweir_events_truncated_total',
      'Events cut at frame_max or by an end of connection.',
      ['listener'],
      (scrape) =>
        listeners(scrape).map(([listener, cells]) => [{ listener }, cell(cells, ListenerCell.truncated)]),
    )
    this.#counter(
      'logweir_udp_kernel_drops_total',
      'Datagrams that the kernel dropped.',
      ['listener'],
      (scrape) =>
        listeners(scrape).map(([listener, cells]) => [{ listener }, cell(cells, ListenerCell.kernel_drops)]),
    )
    this.#gauge('logweir_connections', 'Open connections.', ['listener'], (scrape) =>
      listeners(scrape).map(([listener, cells]) => [{ listener }, cell(cells, ListenerCell.connections)]),
    )
    this.#counter('logweir_events_owned_total', 'Events that a tenant owns.', ['tenant'], ({ workers }) =>
      names(workers, 'tenant').map((tenant) => [
        { tenant },
        cell(sumBlocks(workers, 'tenant', tenant, TenantCell.size), TenantCell.owned),
      ]),
    )
    this.#counter(
      'logweir_events_orphaned_total',
      'Events that no tenant owns, by reason.',
      ['reason'],
      ({ ledger }) => ORPHAN_REASONS.map((reason) => [{ reason }, ledger.orphaned_reasons[reason] ?? 0]),
    )
    this.#counter(
      'logweir_condition_events_total',
      'Events for which a named condition was asked, and for which it held.',
      ['condition', 'outcome'],
      ({ workers }) =>
        names(workers, 'condition').flatMap((condition): Sample[] => {
          const cells = sumBlocks(workers, 'condition', condition, ConditionCell.size)
          return [
            [{ condition, outcome: 'asked' }, cell(cells, ConditionCell.asked)],
            [{ condition, outcome: 'held' }, cell(cells, ConditionCell.held)],
          ]
        }),
    )
    this.#counter(
      'logweir_events_found_total',
      'Owned events by what their owner was found by: a label format, literal, a kind of key.',
      ['by'],
      ({ workers }) =>
        names(workers, 'found_by')
          .filter((by) => by !== '')
          .map((by) => [
            { by },
            cell(sumBlocks(workers, 'found_by', by, FoundByCell.size), FoundByCell.events),
          ]),
    )
    this.#counter(
      'logweir_events_cut_by_sender_total',
      'Events that say that their sender cut them.',
      [],
      ({ workers }) => [
        [{}, cell(sumBlocks(workers, 'worker', 'worker', WorkerCell.size), WorkerCell.sender_cut)],
      ],
    )
  }

  /** Labelled by names of the configuration: their number is the operator's. Peers of no source have an empty name. */
  #declareSources(): void {
    const each =
      (read: (one: SourceLedger) => number) =>
      ({ sources }: Scrape): Sample[] =>
        sources.map((one) => [{ source: one.source ?? '' }, read(one)])
    const by =
      (label: string, read: (one: SourceLedger) => Readonly<Record<string, number>>) =>
      ({ sources }: Scrape): Sample[] =>
        sources.flatMap((one) =>
          Object.entries(read(one)).map(
            ([key, value]): Sample => [{ source: one.source ?? '', [label]: key }, value],
          ),
        )
    this.#counter(
      'logweir_source_events_total',
      'Events taken in, by source.',
      ['source', 'stream'],
      by('stream', (one) => one.streams),
    )
    this.#counter(
      'logweir_source_headers_total',
      'Events taken in, by source and form of header.',
      ['source', 'header'],
      by('header', (one) => one.headers),
    )
    this.#counter(
      'logweir_source_refused_total',
      'Events, connections and frames of a source that were not taken in.',
      ['source', 'reason'],
      by('reason', (one) => one.refused),
    )
    this.#counter(
      'logweir_source_invalid_total',
      'Events whose header breaks its grammar.',
      ['source'],
      each((one) => one.invalid),
    )
    this.#counter(
      'logweir_source_truncated_total',
      'Events cut at frame_max or by an end of connection.',
      ['source'],
      each((one) => one.truncated),
    )
    this.#counter(
      'logweir_source_cut_by_sender_total',
      'Events that say that their sender cut them.',
      ['source'],
      each((one) => one.cut_by_sender),
    )
    this.#gauge(
      'logweir_source_last_seen_seconds',
      'When a source was last seen, in seconds since 1970.',
      ['source'],
      ({ sources }) =>
        sources.flatMap(({ source, last_seen }): Sample[] =>
          last_seen === null ? [] : [[{ source: source ?? '' }, Date.parse(last_seen) / 1000]],
        ),
    )
    this.#gauge(
      'logweir_source_clock_skew_seconds',
      'How far the clocks of its senders are ahead of ours, lately: the least and the most.',
      ['source', 'bound'],
      ({ sources }) =>
        sources.flatMap(({ source, clock_skew }): Sample[] =>
          clock_skew === null
            ? []
            : [
                [{ source: source ?? '', bound: 'least' }, clock_skew.least],
                [{ source: source ?? '', bound: 'most' }, clock_skew.most],
              ],
        ),
    )
  }

  #declareForwarders(): void {
    const own = ['tenant', 'forwarder']
    const each =
      (read: (forwarder: Ledger['forwarders'][number]) => number) =>
      ({ ledger }: Scrape): Sample[] =>
        ledger.forwarders.map((one) => [{ tenant: one.tenant, forwarder: one.forwarder }, read(one)])
    this.#counter(
      'logweir_forwarder_events_total',
      'Events by what became of them; a reason is what dropped them.',
      [...own, 'outcome'],
      ({ ledger }) =>
        ledger.forwarders.flatMap(({ tenant, forwarder, enqueued, delivered, dropped }) => {
          const outcomes = { enqueued, delivered, ...dropped }
          return Object.entries(outcomes).map(
            ([outcome, value]): Sample => [{ tenant, forwarder, outcome }, value],
          )
        }),
    )
    this.#counter('logweir_forwarder_bytes_total', 'Bytes sent.', own, ({ workers }) =>
      names(workers, 'forwarder').map((key) => {
        const slash = key.indexOf('/')
        const labels = { tenant: key.slice(0, slash), forwarder: key.slice(slash + 1) }
        return [
          labels,
          cell(sumBlocks(workers, 'forwarder', key, ForwarderCell.size), ForwarderCell.bytes_out),
        ]
      }),
    )
    this.#gauge(
      'logweir_forwarder_state',
      '1 for the state that a forwarder is in.',
      [...own, 'state'],
      ({ ledger }) =>
        ledger.forwarders.flatMap(({ tenant, forwarder, state }) =>
          DESTINATION_STATES.map((one): Sample => [{ tenant, forwarder, state: one }, one === state ? 1 : 0]),
        ),
    )
    this.#gauge(
      'logweir_forwarder_certificate_end_seconds',
      'When the first certificate of its TLS connection ends, in seconds since 1970.',
      own,
      ({ workers, ledger }) =>
        ledger.forwarders.flatMap(({ tenant, forwarder }): Sample[] => {
          const at = earliest(workers, `${tenant}/${forwarder}`, ForwarderCell.certificate_ends_at)
          return at === 0 ? [] : [[{ tenant, forwarder }, at / 1000]]
        }),
    )
    this.#gauge(
      'logweir_queue_events',
      'Events in memory, in flight included.',
      own,
      each((one) => one.queued + one.in_flight),
    )
    this.#gauge(
      'logweir_queue_bytes',
      'Bytes of memory held for a forwarder.',
      own,
      each((one) => one.queued_bytes),
    )
    this.#gauge(
      'logweir_spool_events',
      'Events on disk only.',
      own,
      each((one) => one.spooled),
    )
    this.#gauge(
      'logweir_spool_bytes',
      'Bytes on disk only.',
      own,
      each((one) => one.spooled_bytes),
    )
    this.#gauge(
      'logweir_queue_oldest_age_seconds',
      'Age of the oldest event held.',
      own,
      each((one) => one.oldest_seconds ?? 0),
    )
  }

  #declareRouter(): void {
    const supervisor = this.#supervisor
    this.#counter('logweir_rules_reloads_total', 'Reloads by outcome.', ['outcome'], () => [
      [{ outcome: 'accepted' }, supervisor.reloads.accepted],
      [{ outcome: 'rejected' }, supervisor.reloads.rejected],
    ])
    this.#gauge(
      'logweir_rules_rejected',
      '1 while the last reload was rejected: the files are not what runs.',
      [],
      () => [[{}, supervisor.reloads.last?.outcome === 'rejected' ? 1 : 0]],
    )
    this.#gauge(
      'logweir_rules_alarm',
      '1 while the last good rules run because those in the folder are wrong.',
      [],
      () => [[{}, supervisor.alarm.length > 0 ? 1 : 0]],
    )
    this.#gauge('logweir_draining', '1 from the beginning of a drain until it is cancelled.', [], () => [
      [{}, supervisor.drain.active ? 1 : 0],
    ])
    this.#gauge(
      'logweir_ledger_imbalance',
      'Events by which the ledger does not balance.',
      [],
      ({ ledger }) => [[{}, ledger.imbalance]],
    )
    this.#gauge(
      'logweir_memory_used_bytes',
      'Bytes charged to the bound for all forwarders.',
      [],
      ({ workers }) => [
        [{}, cell(sumBlocks(workers, 'worker', 'worker', WorkerCell.size), WorkerCell.memory_used)],
      ],
    )
    this.#gauge('logweir_process_resident_memory_bytes', 'Resident memory of the process.', [], () => [
      [{}, process.memoryUsage.rss()],
    ])
  }
}

/** `logweir_delivery_seconds` out of the forwarders' cells: the library's histogram counts by itself, ours has been counted. */
class DeliveryHistogram extends Histogram<'tenant' | 'forwarder'> {
  readonly #workers: () => readonly Counters[]

  constructor(workers: () => readonly Counters[]) {
    super({
      name: 'logweir_delivery_seconds',
      help: 'Time from receive to acknowledged.',
      labelNames: ['tenant', 'forwarder'],
      buckets: [...DELIVERY_BUCKETS],
      registers: [],
    })
    this.#workers = workers
  }

  // oxlint-disable-next-line typescript/promise-function-async -- the library's signature
  override get(): ReturnType<Histogram<'tenant' | 'forwarder'>['get']> {
    const values = names(this.#workers(), 'forwarder').flatMap((key) => this.#series(key))
    return Promise.resolve({ ...DESCRIPTION, values } as unknown as Awaited<
      ReturnType<Histogram<'tenant' | 'forwarder'>['get']>
    >)
  }

  /** What the registry reads when it writes text. */
  getForPromString(): ReturnType<Histogram<'tenant' | 'forwarder'>['get']> {
    return this.get()
  }

  #series(key: string): { metricName: string; labels: Record<string, string>; value: number }[] {
    const cells = sumBlocks(this.#workers(), 'forwarder', key, ForwarderCell.size)
    const slash = key.indexOf('/')
    const labels = { tenant: key.slice(0, slash), forwarder: key.slice(slash + 1) }
    let count = 0
    const buckets = [...DELIVERY_BUCKETS.map(String), '+Inf'].map((le, n) => {
      count += cell(cells, ForwarderCell.delivery + n)
      return { metricName: 'logweir_delivery_seconds_bucket', labels: { ...labels, le }, value: count }
    })
    return [
      ...buckets,
      { metricName: 'logweir_delivery_seconds_sum', labels, value: cell(cells, ForwarderCell.delivery_sum) },
      { metricName: 'logweir_delivery_seconds_count', labels, value: count },
    ]
  }
}

const DESCRIPTION = {
  name: 'logweir_delivery_seconds',
  help: 'Time from receive to acknowledged.',
  type: 'histogram',
  aggregator: 'sum',
} as const
