/**
 * The configuration after reading: defaults filled in, sizes in bytes, times in milliseconds, `off` and
 * left-out limits as null, paths absolute, `{ env }` and `{ file }` values resolved. Keys are the YAML's own.
 */
export interface Settings {
  /** Absolute path of logweir.yaml. */
  readonly file: string
  readonly listeners: readonly ListenerSettings[]
  readonly sources: readonly SourceSettings[]
  /** Absolute path of the rules folder. */
  readonly rules: string
  /** Absolute path of the data folder. */
  readonly data: string
  readonly queue: {
    readonly memory_max: number
    /** All forwarders of one tenant; null: no bound but theirs. */
    readonly tenant_memory_max: number
    readonly provider_memory_max: number
    readonly spill_after: number
  }
  readonly batch: { readonly bytes: number; readonly age: number }
  readonly spool: {
    readonly disk_max: number
    /** All forwarders of one tenant; null: no bound but theirs. */
    readonly tenant_disk_max: number
    readonly provider_disk_max: number
    readonly disk_free_min: number
    readonly sync: 'off' | 'normal' | 'full'
    readonly compression: 'zstd' | 'off'
    /** Milliseconds that what a forwarder holds is kept after it left the rules; null: for ever. */
    readonly removed_keep: number | null
    /** Absolute path; null: nothing is encrypted. */
    readonly key_file: string | null
  }
  readonly limits: {
    readonly forwarders_per_tenant: number
    /** The `concurrency` of a tenant's forwarders together. */
    readonly connections_per_tenant: number
    /** Bytes of one rules or configuration file. */
    readonly file_max: number
    /** Idle time after which a forwarder's connection is closed, and opened again on need. */
    readonly forwarder_idle: number
  }
  readonly workers: number
  readonly admin: { readonly bind: BindAddress; readonly connections_max: number }
  /** Whether changed files are taken over by themselves, after so many milliseconds of rest. */
  readonly reload: { readonly watch: boolean; readonly settle: number }
  /** Milliseconds: from being not ready to closing listeners, and for senders to finish then. */
  readonly drain: { readonly grace: number; readonly close: number }
  /** Null: the one of the data folder. Never printed. */
  readonly redaction: { readonly key: string | null }
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'json' | 'pretty' }
}

/** `host:port`, or a unix socket's path (admin only). */
export type BindAddress =
  | { readonly kind: 'inet'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

interface ListenerCommon {
  readonly name: string
  readonly host: string
  readonly port: number
  /** CIDR ranges; null: anyone. IPv4-mapped peers match IPv4 ranges. */
  readonly allow: readonly string[] | null
  /** Events a second from one peer; null: no limit. */
  readonly rate_max: number | null
}

export interface UdpListenerSettings extends ListenerCommon {
  readonly transport: 'udp'
  readonly receive_buffer: number
  /** Peers whose rate is remembered; the oldest goes first. */
  readonly peers_max: number
}

/** Listeners whose senders keep a connection. */
interface SessionListenerSettings extends ListenerCommon {
  readonly frame_max: number
  readonly connections_max: number
  readonly connections_per_address: number
  readonly idle_timeout: number | null
  readonly frame_timeout: number
  /** Networks of balancers, whose PROXY header is required and believed. */
  readonly proxy_from: readonly string[]
}

interface StreamListenerSettings extends SessionListenerSettings {
  readonly framing: 'auto' | 'octet-counting' | 'newline'
}

export interface TcpListenerSettings extends StreamListenerSettings {
  readonly transport: 'tcp'
}

export interface TlsListenerSettings extends StreamListenerSettings {
  readonly transport: 'tls'
  readonly tls: ListenerTls
}

/** RELP brings its own framing. */
export interface RelpListenerSettings extends SessionListenerSettings {
  readonly transport: 'relp'
}

export interface RelpTlsListenerSettings extends SessionListenerSettings {
  readonly transport: 'relp-tls'
  readonly tls: ListenerTls
}

/** Requests of Log Insight's ingestion API; `frame_max` is an event's, `frame_timeout` a request's. */
interface CfapiCommon extends SessionListenerSettings {
  /** Bytes of a request, as it came and inflated. */
  readonly body_max: number
  /** Who may log in; null: nobody has to, and nobody can. */
  readonly sessions: CfapiSessions | null
}

export interface CfapiSessions {
  readonly users: readonly { readonly name: string; readonly password: string }[]
  /** How long a session lasts. */
  readonly ttl: number
  /** Without a session nothing is taken. */
  readonly required: boolean
}

export interface CfapiListenerSettings extends CfapiCommon {
  readonly transport: 'cfapi'
}

export interface CfapiTlsListenerSettings extends CfapiCommon {
  readonly transport: 'cfapi-tls'
  readonly tls: ListenerTls
}

export interface ListenerTls {
  readonly certificate: string
  readonly key: string
  /** Make a self-signed certificate at first start when both files are missing. */
  readonly generate: boolean
  readonly client_ca: string | null
  readonly client_auth: 'none' | 'request' | 'required'
  /** `sha-256:AA:BB:…` (RFC 5425 §4.2.2 form, upper case); empty: any. */
  readonly client_fingerprints: readonly string[]
  readonly handshakes_max: number
  readonly handshakes_per_address: number
  readonly handshake_timeout: number
  readonly min_version: 'TLSv1.2' | 'TLSv1.3'
}

export type ListenerSettings =
  | UdpListenerSettings
  | TcpListenerSettings
  | TlsListenerSettings
  | RelpListenerSettings
  | RelpTlsListenerSettings
  | CfapiListenerSettings
  | CfapiTlsListenerSettings

export interface SourceSettings {
  readonly name: string
  readonly from: readonly string[]
  /** Streams that these peers may send; null: every stream. */
  readonly streams: readonly string[] | null
  readonly site: string | null
  /** IANA zone of the peers' clocks, for BSD times. */
  readonly zone: string
}
