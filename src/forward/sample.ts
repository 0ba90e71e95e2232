/**
 * What a forwarder writes of one event, without anything being opened: for `explain` and `test`. The encoders are the
 * destinations' own; only what goes around several events (framing, arrays) is left out.
 */
import { Buffer } from 'node:buffer'
import { JsonBuffer } from '../base/json-buffer.ts'
import type { Batch } from '../queue/batch.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import { BatchEncoder, type EventEncoder } from './encode/batch-encoder.ts'
import { BulkEncoder } from './encode/bulk.ts'
import { CfapiEncoder } from './encode/cfapi.ts'
import { CloudEncoder } from './encode/cloud.ts'
import { encodedJson, withTags } from './encode/encodings.ts'
import { EventReader } from './encode/event-reader.ts'
import { HecEncoder } from './encode/hec.ts'
import { withLineEnd } from './encode/line-end.ts'
import { originalEncoder } from './encode/original.ts'
import { Rfc3164Encoder } from './encode/rfc3164.ts'
import { Rfc5424Encoder } from './encode/rfc5424.ts'
import type { ForwardDeps } from './types.ts'

export type SampleDeps = Pick<ForwardDeps, 'streams'>

export class Sampler {
  readonly #encoder: EventEncoder
  /** Newline framing escapes LF, CR and NUL inside an event: that is part of what is written. */
  readonly #escapes: boolean

  constructor(settings: ForwarderSettings, deps: SampleDeps) {
    this.#encoder = encoderOf(settings, deps)
    this.#escapes = settings.framing === 'newline'
  }

  /** What is written of the first event of a batch whose payload is bare; null when it cannot be expressed. */
  first(batch: Batch): Buffer | null {
    if (this.#escapes) {
      const { bytes } = new BatchEncoder(this.#encoder, 'newline', null).encode(batch)
      return bytes.length === 0 ? null : Buffer.from(bytes.subarray(0, bytes.length - 1))
    }
    const out = new JsonBuffer()
    return this.#encoder.encode(out, batch, 0) ? out.copyOut() : null
  }
}

/** As each type makes its own; a type that is missing here does not compile. */
function encoderOf(settings: ForwarderSettings, deps: SampleDeps): EventEncoder {
  const { type, encoding, tags, http } = settings
  const reader = new EventReader(deps.streams)
  switch (type) {
    case 'syslog':
    case 'file':
      return formatOf(settings, reader, deps)
    case 'http':
      return encodedJson(encoding, deps, false, tags)
    case 'log-insight-cloud':
      return withTags(new CloudEncoder(reader), tags)
    case 'cfapi':
      return new CfapiEncoder(reader, tags)
    case 'splunk-hec': {
      if (http.hec === null) throw new Error('settings of another type')
      const json = settings.format === 'json' ? encodedJson(encoding, deps, false, tags) : null
      return new HecEncoder(reader, http.hec, json, tags)
    }
    case 'elasticsearch': {
      if (http.elasticsearch === null) throw new Error('settings of another type')
      return new BulkEncoder(withLineEnd(encodedJson(encoding, deps, true, tags)), http.elasticsearch)
    }
  }
}

function formatOf(settings: ForwarderSettings, reader: EventReader, deps: SampleDeps): EventEncoder {
  switch (settings.format) {
    case 'original':
      return originalEncoder
    case 'rfc5424':
      return new Rfc5424Encoder(reader, settings.tags)
    case 'rfc3164':
      return new Rfc3164Encoder(reader)
    case 'json':
      return encodedJson(settings.encoding, deps, false, settings.tags)
  }
}
