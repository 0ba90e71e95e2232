/** The schema of logweir.yaml, in parts; `settings.ts` puts them together, `json-schema.ts` shows them to editors. */
import { z } from 'zod'
import { parseAdminBind, parseBind } from './endpoints.ts'
import {
  count,
  duration,
  durationOrOff,
  fingerprint,
  name,
  network,
  path,
  refuse,
  say,
  size,
  table,
  text,
} from './fields.ts'
import { quoted, sizeText } from './quantities.ts'
import { FILE_MAX_DEFAULT } from './yaml.ts'

export const TRANSPORTS: readonly string[] = ['udp', 'tcp', 'tls', 'relp', 'relp-tls', 'cfapi', 'cfapi-tls']

/** A frame larger than this is no syslog message; it also bounds what one connection can make us hold. */
const FRAME_MAX = 16 * 2 ** 20

const bind = z
  .string()
  .transform((value, ctx) => {
    const hint = 'write address:port, for example "[::]:5514" or 10.0.0.1:5514'
    return parseBind(value) ?? refuse(ctx, say(`${quoted(value)} is not an address and port`, hint))
  })
  .meta({ description: 'Address and port, "[::]:5514". [::] takes IPv4 too.' })

/** Of `transport`. */
const TRANSPORT = 'How events come: udp, tcp, tls, relp, relp-tls, cfapi or cfapi-tls.'

const common = {
  name: name().describe('Name of this listener, in metrics and events. Unique.'),
  bind,
  allow: z
    .array(network())
    .min(1, say('allows nobody', 'name networks, or leave it out to allow anyone'))
    .optional()
    .describe('Networks that may send. Left out: anyone, and `check` warns.'),
  rate_max: count(1, 1e9)
    .optional()
    .describe('Events a second taken from one peer; more are refused. Left out: no limit.'),
}

const session = {
  frame_max: size({ min: 480, max: FRAME_MAX })
    .prefault('64KiB')
    .describe('Longest frame; the rest of a longer one is skipped and the event marked truncated.'),
  connections_max: count(1, 1_000_000).prefault(4000).describe('Open connections at once.'),
  connections_per_address: count(1, 1_000_000)
    .prefault(128)
    .describe('Open connections at once from one address.'),
  idle_timeout: durationOrOff({ min: 1000 })
    .prefault('off')
    .describe('Close connections on which nothing came for so long. off: keep-alive alone finds dead ones.'),
  frame_timeout: duration({ min: 100, max: 3_600_000 })
    .prefault('30s')
    .describe('How long a frame may stay unfinished.'),
  proxy_from: z
    .array(network())
    .prefault([])
    .describe('Balancers: their PROXY header (version 1 or 2) is required and believed, nobody else’s.'),
}

const stream = {
  framing: z
    .enum(['auto', 'octet-counting', 'newline'])
    .prefault('auto')
    .describe('How frames are told apart; auto decides for every frame.'),
  ...session,
}

const listenerTls = table({
  certificate: path().describe('PEM file with the certificate and its chain.'),
  key: path().describe('PEM file with the private key.'),
  generate: z
    .boolean()
    .prefault(false)
    .describe('Make a self-signed certificate at first start when both files are missing.'),
  client_ca: path().optional().describe('PEM file with the authorities of client certificates.'),
  client_auth: z
    .enum(['none', 'request', 'required'])
    .optional()
    .describe(
      'Whether senders show a certificate. Default: required with client_ca or client_fingerprints, else none.',
    ),
  client_fingerprints: z
    .array(fingerprint())
    .prefault([])
    .describe('Only certificates with one of these; empty: any.'),
  handshakes_max: count(1, 100_000).prefault(256).describe('Unfinished handshakes at once.'),
  handshakes_per_address: count(1, 100_000)
    .prefault(64)
    .describe('Unfinished handshakes at once from one address.'),
  handshake_timeout: duration({ min: 100, max: 600_000 })
    .prefault('10s')
    .describe('How long a handshake may take.'),
  min_version: z.enum(['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2').describe('Oldest TLS version spoken.'),
}).describe('Certificate, and who may connect.')

const streamsOnly = 'it is for transport tcp and tls: UDP has one event a datagram'
const cfapi = {
  ...session,
  body_max: size({ min: 4096, max: 64 * 2 ** 20 })
    .prefault('4MiB')
    .describe('Longest request, as it comes and inflated; a longer one is answered 413.'),
  sessions: table({
    users: z
      .array(
        table({
          name: text(256).describe('Name to log in with.'),
          password: text(1024).meta({ secret: true, description: 'A reference, never the password itself.' }),
        }),
      )
      .min(1, say('lists nobody', 'name a user, or leave `sessions` out'))
      .describe('Who may log in.'),
    ttl: duration({ min: 60_000, max: 86_400_000 }).prefault('30m').describe('How long a session lasts.'),
    required: z.boolean().prefault(false).describe('Take nothing from who has not logged in.'),
  })
    .optional()
    .describe('Log-in of clients; left out: nobody has to, and nobody can.'),
}

const tlsOnly = 'it is for transport tls, relp-tls and cfapi-tls'
const framingElsewhere = 'it is for transport tcp and tls: RELP and CFAPI have frames of their own'
const cfapiOnly = 'it is for transport cfapi and cfapi-tls'

export const udpListener = table(
  {
    ...common,
    transport: z.literal('udp').describe(TRANSPORT),
    receive_buffer: size({ min: 4096, max: 2 ** 30 })
      .prefault('4MiB')
      .describe('Kernel receive buffer; a warning says when the kernel grants less.'),
    peers_max: count(16, 10_000_000).prefault(10_000).describe('Peers whose rate is remembered.'),
  },
  {
    elsewhere: {
      ...Object.fromEntries(Object.keys(stream).map((key) => [key, streamsOnly])),
      tls: tlsOnly,
    },
  },
)

const elsewhere = {
  receive_buffer: 'it is for transport udp: the kernel sizes TCP buffers by itself',
  peers_max: 'it is for transport udp',
}
const elsewhereToo = { ...elsewhere, body_max: cfapiOnly, sessions: cfapiOnly }

export const tcpListener = table(
  { ...common, transport: z.literal('tcp').describe(TRANSPORT), ...stream },
  { elsewhere: { ...elsewhereToo, tls: tlsOnly } },
)
export const tlsListener = table(
  { ...common, transport: z.literal('tls').describe(TRANSPORT), ...stream, tls: listenerTls },
  { elsewhere: elsewhereToo },
)

export const relpListener = table(
  { ...common, transport: z.literal('relp').describe(TRANSPORT), ...session },
  { elsewhere: { ...elsewhereToo, tls: tlsOnly, framing: framingElsewhere } },
)
export const relpTlsListener = table(
  { ...common, transport: z.literal('relp-tls').describe(TRANSPORT), ...session, tls: listenerTls },
  { elsewhere: { ...elsewhereToo, framing: framingElsewhere } },
)

export const cfapiListener = table(
  { ...common, transport: z.literal('cfapi').describe(TRANSPORT), ...cfapi },
  { elsewhere: { ...elsewhere, tls: tlsOnly, framing: framingElsewhere } },
)
export const cfapiTlsListener = table(
  { ...common, transport: z.literal('cfapi-tls').describe(TRANSPORT), ...cfapi, tls: listenerTls },
  { elsewhere: { ...elsewhere, framing: framingElsewhere } },
)

export const listener = z.discriminatedUnion('transport', [
  udpListener,
  tcpListener,
  tlsListener,
  relpListener,
  relpTlsListener,
  cfapiListener,
  cfapiTlsListener,
])

const zone = z.string().transform((value, ctx) => {
  if (isZone(value)) return value
  return refuse(
    ctx,
    say(`${quoted(value)} is not a time zone`, 'use an IANA name such as UTC or Europe/Berlin'),
  )
})

export const source = table({
  name: name().describe('Name of this set of peers, in events and metrics. Unique.'),
  from: z.array(network()).min(1, say('names no peer')).describe('Networks and addresses of these peers.'),
  streams: z
    .array(text(64))
    .min(1, say('lists no stream', 'leave it out to allow every stream'))
    .optional()
    .describe(
      'Streams that they may send; left out: every stream. Others become orphans (untrusted_source).',
    ),
  site: text(64).optional().describe('Where they are.'),
  zone: zone.prefault('UTC').describe('Time zone of their clocks, for times without one.'),
})

const adminBind = z.string().transform((value, ctx) => {
  const hint = 'write address:port, for example 127.0.0.1:8514, or unix:PATH'
  return parseAdminBind(value) ?? refuse(ctx, say(`${quoted(value)} is not an address and port`, hint))
})

/** All of logweir.yaml but listeners and sources. Each section fills itself in when it is left out. */
export const sections = {
  version: z
    .int({
      error: ({ input }) => (input === undefined ? say('is missing', 'begin with `version: 1`') : undefined),
    })
    .refine((value) => value === 1, say('only version 1 is known', 'write `version: 1`'))
    .meta({ enum: [1], description: 'Version of this file’s form.' }),
  rules: path().prefault('rules').describe('Folder with the rules, read recursively.'),
  data: path().prefault('var').describe('Folder for spool, last good rules, audit log and identity.'),
  queue: table({
    memory_max: size({ min: 2 ** 20, max: 2 ** 40 })
      .prefault('256MiB')
      .describe('Memory for undelivered events of all forwarders.'),
    tenant_memory_max: size({ min: 2 ** 20, max: 2 ** 40 })
      .optional()
      .describe('Memory for all forwarders of one tenant together; left out: a quarter of memory_max.'),
    provider_memory_max: size({ min: 2 ** 20, max: 2 ** 40 })
      .optional()
      .describe('Memory for all forwarders of the provider together; left out: half of memory_max.'),
    spill_after: duration({ min: 10, max: 3_600_000 })
      .prefault('1s')
      .describe('Undelivered batches go to disk after this.'),
  })
    .prefault({})
    .describe('Memory for events on their way.'),
  batch: table({
    bytes: size({ min: 4096, max: FRAME_MAX }).prefault('64KiB').describe('A batch is sealed at this size.'),
    age: duration({ min: 1, max: 60_000 }).prefault('100ms').describe('A batch is sealed at this age.'),
  })
    .prefault({})
    .describe('How events are gathered.'),
  spool: table({
    disk_max: size({ min: 2 ** 20 })
      .prefault('20GiB')
      .describe('Disk for all forwarders together.'),
    tenant_disk_max: size({ min: 2 ** 20 })
      .optional()
      .describe('Disk for all forwarders of one tenant together; left out: a quarter of disk_max.'),
    provider_disk_max: size({ min: 2 ** 20 })
      .optional()
      .describe('Disk for all forwarders of the provider together; left out: half of disk_max.'),
    disk_free_min: size().prefault('1GiB').describe('Free space that the spool leaves on the disk.'),
    sync: z
      .enum(['off', 'normal', 'full'])
      .prefault('normal')
      .describe('What reaches the disk before it is believed: normal survives a crash, full a power cut.'),
    compression: z.enum(['zstd', 'off']).prefault('zstd').describe('How batches are made smaller on disk.'),
    removed_keep: durationOrOff({ min: 1000, max: 3660 * 86_400_000 })
      .prefault('7d')
      .describe(
        'How long what a forwarder holds is kept after it left the rules, in time that the router runs. off: for ever.',
      ),
    key_file: path()
      .optional()
      .describe(
        'Keys of AES-256, one a line, 32 bytes in hex or base64: what is on disk is encrypted with the first.',
      ),
  })
    .prefault({})
    .describe('What is on disk.'),
  limits: table({
    forwarders_per_tenant: count(1, 1000).prefault(10).describe('Forwarders of one tenant.'),
    connections_per_tenant: count(1, 100_000)
      .prefault(128)
      .describe('Connections that the forwarders of one tenant may have open, by their `concurrency`.'),
    file_max: size({ min: 1024, max: 2 ** 30 })
      .prefault(sizeText(FILE_MAX_DEFAULT))
      .describe('Size of one configuration or rules file.'),
    forwarder_idle: duration({ min: 100 })
      .prefault('60s')
      .describe('Idle connections to destinations are closed after this.'),
  })
    .prefault({})
    .describe('Bounds that are not the business of one part.'),
  workers: count(1, 64)
    .prefault(1)
    .describe('Pipeline threads. One is enough for several hundred thousand events a second over TCP.'),
  admin: table({
    bind: adminBind.prefault('127.0.0.1:8514').describe('Address and port, or unix:PATH.'),
    connections_max: count(1, 10_000)
      .prefault(64)
      .describe('Open connections at once; the one that is idle for longest makes way for another.'),
  })
    .prefault({})
    .describe('Health, metrics and the commands’ door.'),
  reload: table({
    watch: z
      .boolean()
      .prefault(true)
      .describe('Reload by itself when a file of the rules folder or this file has changed.'),
    settle: duration({ min: 100, max: 600_000 })
      .prefault('2s')
      .describe('How long nothing may change any more before that.'),
  })
    .prefault({})
    .describe('When changed files are taken over.'),
  drain: table({
    grace: duration({ min: 0, max: 3_600_000 })
      .prefault('10s')
      .describe('How long a drained node says that it is not ready before its listeners close.'),
    close: duration({ min: 0, max: 600_000 })
      .prefault('5s')
      .describe('How long senders may take then to finish.'),
  })
    .prefault({})
    .describe('How a node leaves a balancer.'),
  redaction: table({
    key: text(1024)
      .min(16, say('is shorter than 16 characters', 'draw one, for example with `openssl rand -hex 32`'))
      .optional()
      .meta({
        secret: true,
        description:
          'Key of all hashes in redacted events: a reference. Left out: drawn once, in the data folder.',
      }),
  })
    .prefault({})
    .describe('What `redact` and `hide_hosts` in rules need.'),
  log: table({
    level: z.enum(['debug', 'info', 'warn', 'error']).prefault('info').describe('Least level written.'),
    format: z
      .enum(['json', 'pretty'])
      .prefault('json')
      .describe('One JSON object a line, or text for people.'),
  })
    .prefault({})
    .describe('The program’s own log, on standard output.'),
}

/** The whole file, for editors. */
export const settingsFile = table({
  version: sections.version,
  listeners: z.array(listener).min(1).describe('Where senders connect.'),
  sources: z
    .array(source)
    .optional()
    .describe('Who may send which streams; left out: everyone everything, and `check` warns.'),
  rules: sections.rules,
  data: sections.data,
  queue: sections.queue,
  batch: sections.batch,
  spool: sections.spool,
  limits: sections.limits,
  workers: sections.workers,
  admin: sections.admin,
  reload: sections.reload,
  drain: sections.drain,
  redaction: sections.redaction,
  log: sections.log,
})

function isZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
