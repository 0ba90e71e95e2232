/** The schema of one forwarder: what a value may be by itself. What goes together is `read-forwarder.ts`'s business. */
import { z } from 'zod'
import { count, duration, fingerprint, name, path, size, table, text } from '../config/fields.ts'

/** Types and schemes that a later version sends to. */
export const LATER_TYPES: readonly string[] = [
  'cfapi',
  'splunk-hec',
  'elasticsearch',
  'loki',
  'otlp',
  'gelf',
  'datadog',
  'relp',
  'kafka',
  'nats',
]
export const LATER_SCHEMES: readonly string[] = ['relp', 'relp-tls', 'kafka', 'nats']
export const TYPES: readonly string[] = ['syslog', 'file', 'http', 'log-insight-cloud']

const LATER_FORWARDER: readonly string[] = [
  'hide_hosts',
  'tags',
  'redact',
  'use',
  'templates',
  'defaults',
  'conditions',
  'username',
  'password',
]

const tls = table({
  ca: path().optional().describe('PEM file of authorities; left out: the system’s.'),
  certificate: path().optional().describe('PEM file of the client certificate.'),
  key: path().optional().describe('PEM file of its key.'),
  fingerprint: fingerprint()
    .optional()
    .describe('The peer’s certificate must have it; then authority and name are not asked.'),
  server_name: text(253).optional().describe('Name to verify and to send; left out: the target’s host.'),
})

/** Sections are optional, not defaulted: what is set decides which contradictions there are. */
const parts = {
  name: name().describe('Unique within the tenant.'),
  to: text(2048).describe('Where to: udp://, tcp://, tls://, http://, https:// or file:PATH.'),
  type: text(64)
    .optional()
    .meta({ enum: TYPES, description: 'What is spoken there. Default by scheme: syslog, http or file.' }),
  from_address: text(64).optional().describe('Local address to send from.'),
  where: z.unknown().optional().meta({
    id: 'where',
    description: 'Which events; left out: all in scope. Several fields must all hold.',
  }),
  format: z
    .enum(['original', 'rfc5424', 'rfc3164', 'json'])
    .optional()
    .describe('Form of each event; original: the sender’s own bytes.'),
  framing: z
    .enum(['octet-counting', 'newline'])
    .optional()
    .describe('tcp and tls. Default octet-counting for tls, newline for tcp.'),
  queue: table({
    memory_max: size({ min: 64 * 1024 })
      .prefault('8MiB')
      .describe('Memory for undelivered events.'),
    disk_max: size().prefault('1GiB').describe('Disk for undelivered events.'),
    when_full: z
      .enum(['drop_oldest', 'drop_newest', 'block'])
      .prefault('drop_oldest')
      .describe('What happens when both are full; block is for the provider only.'),
  })
    .prefault({})
    .describe('What waits, and how much.'),
  spool: z
    .enum(['overflow', 'always'])
    .prefault('overflow')
    .describe('overflow: to disk when memory is full or too old; always: before sending.'),
  replay: size({ max: 2 ** 30 })
    .optional()
    .describe('tcp and tls: written again after a broken connection. Default 4MiB.'),
  retry: table({
    first: duration({ min: 10, max: 3_600_000 }).prefault('200ms').describe('Longest first wait.'),
    max: duration({ min: 10, max: 86_400_000 }).prefault('30s').describe('Longest wait.'),
  })
    .prefault({})
    .describe('Waits between attempts, drawn up to a bound that doubles.'),
  concurrency: count(1, 64).optional().describe('Deliveries at once; above 1 order is not kept.'),
  timeout: table({
    connect: duration({ min: 100, max: 600_000 })
      .prefault('10s')
      .describe('For a connection with its handshake.'),
    request: duration({ min: 100, max: 3_600_000 }).prefault('30s').describe('For one delivery.'),
  })
    .prefault({})
    .describe('When an attempt counts as failed.'),
  tls: tls.optional().describe('tls and https.'),
  token: text(16_384)
    .optional()
    .meta({ secret: true, description: 'Bearer token: a reference, never the token itself.' }),
  headers: z.record(text(128), text(8192)).optional().describe('Further HTTP headers.'),
  gzip: z
    .boolean()
    .optional()
    .describe('Compress requests. Default true for log-insight-cloud, false for http.'),
  batch: table({
    bytes: size({ min: 1024, max: 64 * 2 ** 20 })
      .optional()
      .describe('Uncompressed bytes of one request at most. Default 900000B.'),
    events: count(1, 100_000)
      .optional()
      .describe('Events of one request at most. Default 500, `log-insight-cloud` 2000.'),
  })
    .optional()
    .describe('Requests of http and log-insight-cloud.'),
  rotate: table({
    size: size({ min: 4096 }).prefault('100MiB').describe('A file is put aside at this size.'),
    keep: count(0, 1000).prefault(5).describe('Files put aside that are kept.'),
  })
    .optional()
    .describe('file: only.'),
}

const scope = z.enum(['all', 'owned', 'orphans'])

const inside = {
  ...Object.fromEntries(
    ['memory_max', 'disk_max', 'when_full'].map((key) => [key, 'write it below `queue:`']),
  ),
  ...Object.fromEntries(Object.keys(tls.shape).map((key) => [key, 'write it below `tls:`'])),
}

export const tenantForwarder = table(parts, {
  later: LATER_FORWARDER,
  elsewhere: {
    ...inside,
    scope: 'only the provider’s forwarders have a scope: a tenant’s see their own tenant’s events',
  },
})

export const providerForwarder = table(
  {
    ...parts,
    scope: scope.prefault('all').describe('all events, only those that a tenant owns, or only orphans.'),
  },
  { later: LATER_FORWARDER, elsewhere: inside },
)

/** A forwarder whose parts are good by themselves. */
export type ForwarderParts = z.output<typeof tenantForwarder>
