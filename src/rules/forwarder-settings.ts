/**
 * One forwarder after reading: defaults filled in, units resolved, secrets resolved, paths absolute.
 * Plain data; two forwarders with equal JSON of this are "unchanged" at a reload and keep their connection.
 */
export interface ForwarderSettings {
  readonly type: 'syslog' | 'file' | 'http' | 'log-insight-cloud' | 'splunk-hec' | 'elasticsearch' | 'cfapi'
  readonly to: Target
  /** Further targets of the same scheme, in the order in which they are tried. */
  readonly failover: readonly Target[]
  /** Local address to send from; null: the system chooses. */
  readonly from_address: string | null
  readonly format: 'original' | 'rfc5424' | 'rfc3164' | 'json'
  /** Added to every event. */
  readonly tags: Readonly<Record<string, string>>
  /** Names of the fields where events are JSON. */
  readonly encoding: Encoding
  /** Stream transports only; `none` for udp and http. Files are newline. */
  readonly framing: 'octet-counting' | 'newline' | 'none'
  readonly queue: {
    readonly memory_max: number
    readonly disk_max: number
    /** Milliseconds after which an undelivered event is given up; left out: never. */
    readonly max_age?: number | undefined
    /** Events a second by which a backlog on disk shrinks at most; left out: as fast as it goes. */
    readonly catch_up_max?: number | undefined
    readonly when_full: 'drop_oldest' | 'drop_newest' | 'block'
  }
  readonly spool: 'overflow' | 'always'
  /** Bytes written again after a broken connection (tcp, tls); 0: none. */
  readonly replay: number
  readonly retry: { readonly first: number; readonly max: number }
  readonly concurrency: number
  readonly timeout: { readonly connect: number; readonly request: number }
  readonly tls: ForwarderTls
  readonly http: HttpOptions
  /** `file:` only. */
  readonly rotate: FileOptions
}

/** `own`: `logweir.event/1`; `ecs`: Elastic Common Schema; `otel`: the OpenTelemetry log data model. */
export type Encoding = 'own' | 'ecs' | 'otel'

export interface FileOptions {
  /** Bytes; a file that would become larger is put aside first. */
  readonly size: number
  /** Files put aside that are kept; 0: the file starts anew. */
  readonly keep: number
  /** Milliseconds of wall time after which a file is put aside, counted from midnight UTC; null: never. */
  readonly every: number | null
  /** Files put aside are compressed. */
  readonly gzip: boolean
  /** What was written is on disk before it counts as delivered. */
  readonly fsync: boolean
  /** Permission bits of the files. */
  readonly mode: number
}

export type Target =
  | {
      readonly scheme: 'udp' | 'tcp' | 'tls' | 'relp' | 'relp-tls'
      readonly host: string
      readonly port: number
    }
  | { readonly scheme: 'http' | 'https'; readonly url: string }
  | { readonly scheme: 'file'; readonly path: string }

export interface ForwarderTls {
  /** PEM path; null: the system's authorities. */
  readonly ca: string | null
  readonly certificate: string | null
  readonly key: string | null
  /** `sha-256:AA:…`: the peer's certificate must have it; then CA and name are not asked. */
  readonly fingerprint: string | null
  /** Name to verify and to send as SNI; null: the target's host. */
  readonly server_name: string | null
}

export interface HttpOptions {
  /** How it is sent is the type's business (`Bearer`, `Splunk`, `ApiKey`). Resolved; null: none. Never printed. */
  readonly token: string | null
  /** Basic authentication; null: none. The password is never printed. */
  readonly login: Login | null
  readonly headers: Readonly<Record<string, string>>
  readonly gzip: boolean
  /** Uncompressed bytes and events of one request at most. */
  readonly batch_bytes: number
  readonly batch_events: number
  /** `http`: a JSON array, or one object a line. */
  readonly body: 'array' | 'ndjson'
  /** `log-insight-cloud`: the header of that name; null: it is not sent. */
  readonly structure: string | null
  /** Null: what the environment says; `none`: never one. */
  readonly proxy: ProxyOptions | 'none' | null
  /** Bytes of the file with events that the destination refused; 0: they are only counted. */
  readonly dead_letters: number
  /** `splunk-hec` only. */
  readonly hec: HecOptions | null
  /** `elasticsearch` only. */
  readonly elasticsearch: ElasticsearchOptions | null
  /** `cfapi` only. */
  readonly cfapi: CfapiOptions | null
}

export interface Login {
  readonly username: string
  readonly password: string
}

export interface ProxyOptions {
  /** `http:` or `https:`, without user name and password. */
  readonly url: string
  readonly login: Login | null
  /** PEM path; null: the system's authorities. Of an `https:` proxy. */
  readonly ca: string | null
}

/** `{tenant}` and `{stream}` in texts stand for the event's. */
export interface HecOptions {
  /** Null: the token's default. */
  readonly index: string | null
  readonly source: string
  readonly sourcetype: string
  /** An event is delivered when an indexer has it, not when it was accepted. */
  readonly acknowledge: boolean
  /** Milliseconds after which what is not acknowledged is sent again. */
  readonly ack_timeout: number
}

export interface CfapiOptions {
  /** Whose users log in. */
  readonly provider: 'Local' | 'ActiveDirectory' | 'vIDM'
  /** Exchanged for a token (9.1); null: none. Never printed. */
  readonly agent_secret: string | null
}

export interface ElasticsearchOptions {
  /** Index or data stream; may hold `{tenant}` and `{stream}`. */
  readonly index: string
  /** `create` also for data streams; `index` writes an event again that is there. */
  readonly op: 'create' | 'index'
  /** Ingest pipeline; null: the index's own. */
  readonly pipeline: string | null
}
