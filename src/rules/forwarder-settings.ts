/**
 * One forwarder after reading: defaults filled in, units resolved, secrets resolved, paths absolute.
 * Plain data; two forwarders with equal JSON of this are "unchanged" at a reload and keep their connection.
 */
export interface ForwarderSettings {
  readonly type: 'syslog' | 'file' | 'http' | 'log-insight-cloud'
  readonly to: Target
  /** Local address to send from; null: the system chooses. */
  readonly from_address: string | null
  readonly format: 'original' | 'rfc5424' | 'rfc3164' | 'json'
  /** Stream transports only; `none` for udp and http. Files are newline. */
  readonly framing: 'octet-counting' | 'newline' | 'none'
  readonly queue: {
    readonly memory_max: number
    readonly disk_max: number
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
  readonly rotate: { readonly size: number; readonly keep: number }
}

export type Target =
  | { readonly scheme: 'udp' | 'tcp' | 'tls'; readonly host: string; readonly port: number }
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
  /** Bearer token, resolved; null: none. Never printed. */
  readonly token: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly gzip: boolean
  /** Uncompressed bytes and events of one request at most. */
  readonly batch_bytes: number
  readonly batch_events: number
}
