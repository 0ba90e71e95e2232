/** What a forwarder over HTTP, or into a file, has of its own: parts to settings, with their defaults. */
import { resolve } from 'node:path'
import type { FileOptions, HttpOptions, Login, ProxyOptions } from './forwarder-settings.ts'
import { FORWARDER_TYPES, type ForwarderType } from './forwarder-types.ts'
import type { ForwarderParts } from './schema-forwarder.ts'

const MIB = 2 ** 20
const ACK_TIMEOUT_MS = 120_000
const FILE_MODE = 0o640

/** `folder` is where the rules file lies. */
export function httpOf(parts: ForwarderParts, type: ForwarderType, folder: string): HttpOptions {
  const traits = FORWARDER_TYPES[type]
  const { hec = {}, elasticsearch = {}, cfapi = {} } = parts
  return {
    token: parts.token ?? null,
    login: loginOf(parts.username, parts.password),
    headers: parts.headers ?? {},
    gzip: parts.gzip ?? traits.gzip,
    batch_bytes: parts.batch?.bytes ?? traits.batch_bytes,
    batch_events: parts.batch?.events ?? traits.batch_events,
    body: parts.body ?? 'array',
    structure: parts.structure === 'none' ? null : (parts.structure ?? 'default'),
    proxy: proxyOf(parts.proxy, folder),
    dead_letters: parts.dead_letters ?? 8 * MIB,
    hec:
      type !== 'splunk-hec'
        ? null
        : {
            index: hec.index ?? null,
            source: hec.source ?? 'logweir',
            sourcetype: hec.sourcetype ?? 'vmware:{stream}',
            acknowledge: hec.acknowledge ?? false,
            ack_timeout: hec.ack_timeout ?? ACK_TIMEOUT_MS,
          },
    elasticsearch:
      type !== 'elasticsearch'
        ? null
        : {
            index: elasticsearch.index ?? 'logs-vcd-{tenant}',
            op: elasticsearch.op ?? 'create',
            pipeline: elasticsearch.pipeline ?? null,
          },
    cfapi:
      type !== 'cfapi'
        ? null
        : { provider: cfapi.provider ?? 'Local', agent_secret: cfapi.agent_secret ?? null },
  }
}

export function fileOf({ rotate, fsync, mode }: ForwarderParts): FileOptions {
  return {
    size: rotate?.size ?? 100 * MIB,
    keep: rotate?.keep ?? 5,
    every: rotate?.every ?? null,
    gzip: rotate?.gzip ?? false,
    fsync: fsync ?? false,
    mode: mode === undefined ? FILE_MODE : Number.parseInt(mode, 8),
  }
}

function loginOf(username: string | undefined, password: string | undefined): Login | null {
  return username === undefined ? null : { username, password: password ?? '' }
}

function proxyOf(proxy: ForwarderParts['proxy'], folder: string): ProxyOptions | 'none' | null {
  if (proxy === undefined) return null
  if (proxy.to === 'none') return 'none'
  return {
    url: URL.canParse(proxy.to) ? new URL(proxy.to).origin : proxy.to,
    login: loginOf(proxy.username, proxy.password),
    ca: proxy.ca === undefined ? null : resolve(folder, proxy.ca),
  }
}
