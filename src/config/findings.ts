/** One thing that is wrong, or worth a look, at one place of one file. */
export interface Finding {
  readonly level: 'error' | 'warning'
  /** Absolute path; empty when no file is to blame. */
  readonly file: string
  /** From 1; 0 when the finding has no place. */
  readonly line: number
  readonly column: number
  /** What is wrong: `tenants[0].forwarders[1].to: unknown scheme "ftp"`. */
  readonly message: string
  /** What to do: `use one of udp, tcp, tls, http, https, file`. Empty when the message says it. */
  readonly hint: string
  /** The source line holds a secret: formatters must not show it. */
  readonly hide_source?: boolean
}

/** A place in a file, kept beside values so that later checks can point at it. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}
