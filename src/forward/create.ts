/**
 * Settings to destinations. Adding a type is one file here with an entry below, and an entry of what the rules may say
 * about it in `src/rules/forwarder-types.ts`.
 */
import { PayloadForm } from '../queue/batch-format.ts'
import type { Destination, Lane } from '../queue/lane.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import { BatchEncoder, type EventEncoder, type Framing } from './encode/batch-encoder.ts'
import { EventReader } from './encode/event-reader.ts'
import { encodedJson } from './encode/encodings.ts'
import { originalEncoder } from './encode/original.ts'
import { Rfc3164Encoder } from './encode/rfc3164.ts'
import { Rfc5424Encoder } from './encode/rfc5424.ts'
import { cfapiType } from './cfapi.ts'
import type { StreamTarget } from './dial.ts'
import { failoverSender } from './failover.ts'
import { FileDestination } from './file.ts'
import { elasticsearchType } from './elasticsearch.ts'
import { httpType } from './http.ts'
import type { HttpType } from './http-sender.ts'
import { cloudType } from './log-insight-cloud.ts'
import { RequestDestination } from './request.ts'
import { RelpDestination } from './relp.ts'
import { sharedResolver } from './resolve.ts'
import { hecType } from './splunk-hec.ts'
import { inWords, Status } from './status.ts'
import { StreamDestination } from './stream.ts'
import type { ForwardDeps, ForwarderTarget } from './types.ts'
import { UdpDestination } from './udp.ts'

/** Types over HTTP. */
const OVER_HTTP: Readonly<Partial<Record<ForwarderSettings['type'], HttpType>>> = {
  http: httpType,
  'log-insight-cloud': cloudType,
  'splunk-hec': hecType,
  elasticsearch: elasticsearchType,
  cfapi: cfapiType,
}

/** The form that the queue must build batches in, so that what needs no encoding passes untouched. */
export function payloadForm(settings: ForwarderSettings): PayloadForm {
  if (settings.format !== 'original') return PayloadForm.bare
  if (settings.to.scheme === 'file') return PayloadForm.newline
  if (settings.to.scheme !== 'tcp' && settings.to.scheme !== 'tls') return PayloadForm.bare
  return settings.framing === 'octet-counting' ? PayloadForm.octet_counted : PayloadForm.newline
}

/** Makes a running destination; nothing is opened before there is something to send. */
export function createDestination(forwarder: ForwarderTarget, lane: Lane, deps: ForwardDeps): Destination {
  const { to } = forwarder.settings
  const resolver = deps.resolver ?? sharedResolver(deps.clock, forwarder.key)
  const encoder = makeEncoder(forwarder, deps)
  switch (to.scheme) {
    case 'tcp':
    case 'tls':
      return new StreamDestination(forwarder, streamTargets(forwarder, to), lane, deps, { encoder, resolver })
    case 'relp':
    case 'relp-tls':
      return new RelpDestination(forwarder, streamTargets(forwarder, to), lane, deps, { encoder, resolver })
    case 'udp':
      return new UdpDestination(forwarder, to, lane, deps, { encoder, resolver })
    case 'file':
      return new FileDestination(forwarder, to.path, lane, deps, encoder)
    case 'http':
    case 'https': {
      const type = OVER_HTTP[forwarder.settings.type] ?? httpType
      const making = (url: string) => ({ forwarder, url: new URL(url), lane, deps, resolver })
      const others = forwarder.settings.failover.flatMap((one) =>
        'url' in one ? [type(making(one.url))] : [],
      )
      const moved = (at: number, why: string): void => {
        const text = `requests go to ${at === 0 ? 'the first target' : `failover target ${at}`} now: ${why}`
        deps.log.warn({ forwarder: forwarder.key }, `forwarder ${forwarder.key}: ${text}`)
      }
      const sender = failoverSender([type(making(to.url)), ...others], deps.clock, moved)
      return new RequestDestination(forwarder, lane, deps, sender)
    }
  }
}

/** All have the scheme of the first: the rules' reader sees to it. */
function streamTargets(
  { settings }: ForwarderTarget,
  to: StreamTarget,
): readonly [StreamTarget, ...StreamTarget[]] {
  return [to, ...settings.failover.flatMap((one) => ('host' in one ? [one] : []))]
}

function makeEncoder({ key, settings }: ForwarderTarget, deps: ForwardDeps): BatchEncoder {
  const form = settings.format === 'original' ? payloadForm(settings) : null
  const status = new Status(key, deps.clock, deps.log)
  return new BatchEncoder(makeFormat(settings, deps), framingOf(settings), form, (error) => {
    status.lost('unencodable', `an event could not be written and is dropped: ${inWords(error)}`)
  })
}

function framingOf(settings: ForwarderSettings): Framing {
  if (settings.to.scheme === 'file') return 'newline'
  if (settings.to.scheme !== 'tcp' && settings.to.scheme !== 'tls') return 'none'
  return settings.framing === 'octet-counting' ? 'octet-counting' : 'newline'
}

function makeFormat(settings: ForwarderSettings, deps: ForwardDeps): EventEncoder {
  switch (settings.format) {
    case 'original':
      return originalEncoder
    case 'rfc5424':
      return new Rfc5424Encoder(new EventReader(deps.streams), settings.tags)
    case 'rfc3164':
      return new Rfc3164Encoder(new EventReader(deps.streams))
    case 'json':
      return encodedJson(settings.encoding, deps, false, settings.tags)
  }
}
