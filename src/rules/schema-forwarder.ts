/** The schema of one forwarder: what a value may be by itself. What goes together is `read-forwarder.ts`'s business. */
import { z } from 'zod'
import { count, duration, fingerprint, name, path, say, size, table, text } from '../config/fields.ts'
import { TYPES } from './forwarder-types.ts'

/** Types and schemes that a later version sends to. */
export const LATER_TYPES: readonly string[] = ['loki', 'otlp', 'gelf', 'datadog', 'kafka', 'nats']
export const LATER_SCHEMES: readonly string[] = ['kafka', 'nats']

/** A connect tries one after the other, each for `timeout.connect`. */
const FAILOVER_MAX = 7

const LATER_FORWARDER: readonly string[] = ['use', 'templates', 'defaults', 'conditions']

const tls = table({
  ca: path().optional().describe('PEM file of authorities; left out: the system’s.'),
  certificate: path().optional().describe('PEM file of the client certificate.'),
  key: path().optional().describe('PEM file of its key.'),
  fingerprint: fingerprint()
    .optional()
    .describe('The peer’s certificate must have it; then authority and name are not asked.'),
  server_name: text(253).optional().describe('Name to verify and to send; left out: the target’s host.'),
})

const proxy = table({
  to: text(2048).describe(
    'http://HOST:PORT, https://HOST:PORT, or none: also where the environment names one.',
  ),
  username: text(256).optional().describe('For the proxy.'),
  password: text(1024)
    .optional()
    .meta({ secret: true, description: 'A reference, never the password itself.' }),
  ca: path().optional().describe('PEM file of authorities of an https: proxy.'),
})

const hec = table({
  index: text(256).optional().describe('Left out: the token’s own. May hold {tenant} and {stream}.'),
  source: text(256).optional().describe('Default logweir.'),
  sourcetype: text(256).optional().describe('Default vmware:{stream}.'),
  acknowledge: z
    .boolean()
    .optional()
    .describe('Wait for the indexers’ acknowledgement; the token must have it. Default false.'),
  ack_timeout: duration({ min: 1000, max: 3_600_000 })
    .optional()
    .describe('What is not acknowledged by then is sent again. Default 2m.'),
})

const elasticsearch = table({
  index: text(255)
    .optional()
    .describe('Index or data stream; may hold {tenant} and {stream}. Default logs-vcd-{tenant}.'),
  op: z.enum(['create', 'index']).optional().describe('Default create, which data streams need.'),
  pipeline: text(256).optional().describe('Ingest pipeline.'),
})

const cfapi = table({
  provider: z
    .enum(['Local', 'ActiveDirectory', 'vIDM'])
    .optional()
    .describe('Whose user `username` is. Default Local.'),
  agent_secret: text(4096).optional().meta({
    secret: true,
    description: 'Of an agent (9.1), exchanged for a token: a reference, never the secret itself.',
  }),
})

/** Read by hand (`read-where.ts`). */
export const where = z.unknown().meta({
  id: 'where',
  description: 'Which events; left out: all in scope. Several fields must all hold.',
})

const oneOrMany = z.union([text(128), z.array(text(128)).min(1).max(32)], {
  error: 'expected a field or a list of fields',
})

const redaction = table({
  field: oneOrMany
    .optional()
    .describe('Fields of the event, as in `where`. With `pattern`: where it is looked for.'),
  pattern: text(1000)
    .optional()
    .describe(
      'RE2 syntax: what it matches is replaced, or its groups where it has any. Left out: the whole field.',
    ),
  with: z
    .string()
    .max(256)
    .optional()
    .describe('What stands in its place. Left out: redacted, 0.0.0.0 or 0.'),
  hash: z.boolean().optional().describe('A keyed hash in its place: equal values stay equal.'),
  keep: table({
    first: count(0, 256).optional().describe('Characters at the beginning that stay.'),
    last: count(0, 256).optional().describe('Characters at the end that stay.'),
    ipv4: count(0, 32).optional().describe('Bits of an IPv4 address that stay.'),
    ipv6: count(0, 128).optional().describe('Bits of an IPv6 address that stay.'),
  })
    .optional()
    .describe('What stays of the value.'),
})

const headerWord = (max: number): z.ZodString =>
  z
    .string()
    .regex(/^[!-~]+$/, say('holds blanks or other than printable ASCII', 'write one word'))
    .max(max, say(`is longer than ${max} characters`))

const set = table({
  facility: z.union([z.string(), z.int()]).optional().describe('By name or number.'),
  severity: z.union([z.string(), z.int()]).optional().describe('By name or number.'),
  hostname: headerWord(255).optional().describe('Instead of the sender’s name.'),
  app_name: headerWord(48).optional().describe('Instead of the program.'),
  proc_id: headerWord(128).optional().describe('Instead of the process.'),
  msg_id: headerWord(32).optional().describe('Instead of the message’s type.'),
})

/** What a forwarder makes of its events before they are queued. */
const changes = {
  sample: z
    .string()
    .regex(
      /^(1\/[1-9][0-9]{0,8}|(100|[1-9]?[0-9])(\.[0-9]{1,4})?%)$/,
      say('is no part', 'write for example 1/10 or 5%'),
    )
    .optional()
    .describe('Part of the events that is forwarded, by chance; the others are dropped as sampled.'),
  rate_max: count(1, 1e9)
    .optional()
    .describe('Events a second; more are dropped as forwarder_rate. Left out: no limit.'),
  hide_hosts: z
    .boolean()
    .optional()
    .describe('Names of ESXi hosts and edges, and their addresses as senders, become hashes.'),
  redact: z
    .array(redaction)
    .max(100)
    .optional()
    .describe('What is replaced in events, before they are queued.'),
  set: set.optional().describe('Header fields that are written anew.'),
  tags: z
    .record(text(32), text(256))
    .optional()
    .describe('Added to every event. Not with `original` and `rfc3164`, which have no place for them.'),
}

/** Sections are optional, not defaulted: what is set decides which contradictions there are. */
const parts = {
  name: name().describe('Unique within the tenant.'),
  to: text(2048).describe('Where to: udp://, tcp://, tls://, http://, https:// or file:PATH.'),
  failover: z
    .array(text(2048))
    .max(FAILOVER_MAX)
    .optional()
    .describe('Further targets of the same scheme, tried in this order when `to` does not take events.'),
  type: text(64)
    .optional()
    .meta({ enum: TYPES, description: 'What is spoken there. Default by scheme: syslog, http or file.' }),
  from_address: text(64).optional().describe('Local address to send from.'),
  shared_destination: name()
    .optional()
    .describe(
      'Forwarders of several tenants that send to one destination on purpose all have the same name here.',
    ),
  where: where.optional(),
  ...changes,
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
    max_age: duration({ min: 1000 })
      .optional()
      .describe('Older undelivered events are given up. Left out: never.'),
    catch_up_max: count(1, 1e9)
      .optional()
      .describe('After an outage: events a second sent from disk beside what comes in. Left out: no limit.'),
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
  username: text(256).optional().describe('http and elasticsearch: basic authentication; cfapi: a session.'),
  password: text(4096)
    .optional()
    .meta({ secret: true, description: 'A reference, never the password itself.' }),
  encoding: z
    .enum(['own', 'ecs', 'otel'])
    .optional()
    .describe('Field names of JSON. Default own; elasticsearch: ecs.'),
  body: z.enum(['array', 'ndjson']).optional().describe('http: what a request holds. Default array.'),
  structure: text(64)
    .optional()
    .describe('log-insight-cloud: the header; none: it is left out. Default default.'),
  proxy: proxy
    .optional()
    .describe('http and https: left out, HTTPS_PROXY, HTTP_PROXY and NO_PROXY are asked.'),
  dead_letters: size({ max: 2 ** 30 })
    .optional()
    .describe('http and https: file of events that the destination refused. Default 8MiB.'),
  hec: hec.optional().describe('splunk-hec only.'),
  elasticsearch: elasticsearch.optional().describe('elasticsearch only.'),
  cfapi: cfapi.optional().describe('cfapi only.'),
  gzip: z.boolean().optional().describe('Compress requests. Default false for http, true for the others.'),
  batch: table({
    bytes: size({ min: 1024, max: 64 * 2 ** 20 })
      .optional()
      .describe('Uncompressed bytes of one request at most. Default 900000B, elasticsearch 2000000B.'),
    events: count(1, 100_000)
      .optional()
      .describe('Events of one request at most. Default 500 for http and cfapi, 2000 for the others.'),
  })
    .optional()
    .describe('Requests of destinations over HTTP.'),
  rotate: table({
    size: size({ min: 4096 }).prefault('100MiB').describe('A file is put aside at this size.'),
    every: duration({ min: 60_000, max: 31 * 86_400_000 })
      .optional()
      .describe('A file is put aside when such a time is over, counted from midnight UTC.'),
    keep: count(0, 1000).prefault(5).describe('Files put aside that are kept.'),
    gzip: z.boolean().prefault(false).describe('Compress files put aside.'),
  })
    .optional()
    .describe('file: only.'),
  fsync: z.boolean().optional().describe('file: what counts as delivered is on the disk. Default false.'),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, say('is not a file mode', 'write for example "0640"'))
    .optional()
    .describe('file: permissions of the files. Default "0640".'),
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

/** Keys that `defaults` cannot give: what makes a forwarder this one, and secrets, which would go to every destination. */
const NOT_DEFAULT = [
  'name',
  'to',
  'failover',
  'type',
  'where',
  'token',
  'headers',
  'username',
  'password',
  'hec',
  'elasticsearch',
  'cfapi',
]

/** What `defaults` may say of forwarders. */
export const defaultsSchema = table(
  Object.fromEntries(Object.entries(parts).filter(([key]) => !NOT_DEFAULT.includes(key))),
  {
    elsewhere: Object.fromEntries(
      NOT_DEFAULT.map((key) => [
        key,
        'it says where one forwarder sends: write it in a template or a forwarder',
      ]),
    ),
  },
)

/** A forwarder whose parts are good by themselves. */
export type ForwarderParts = z.output<typeof tenantForwarder>
