/**
 * Events under the names of Elastic Common Schema 8 (elastic.co/guide/en/ecs): nested objects, absent fields left out.
 * What the schema has no name for stands under `vcd`.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { ipVersion } from '../../classify/fields.ts'
import { putStructuredData } from '../../classify/structured-data-writer.ts'
import { putUtc } from '../../classify/timestamp.ts'
import { EventFlag, type EventView, Fw, Grammar } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { begin, end, isWord, member, putCount, putLower, putSpan, putWord, textMember } from './members.ts'
import { EventIds } from './event-ids.ts'
import { PerOwner } from './per-owner.ts'

const ECS_VERSION = '8.17.0'
const SEVERITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug']
const PRI_MAX = 191
const QUOTE = 0x22

const OPEN = new JsonPiece('{"@timestamp":')
const MESSAGE = new JsonPiece(`,"ecs":{"version":"${ECS_VERSION}"},"message":`)
const EVENT = new JsonPiece('","event":{"kind":"event","id":')
const CREATED = member('created')
const DATASET = member('dataset')
const ACTION = textMember('action')
const REASON = textMember('reason')
const ALLOWED = new JsonPiece(',"category":["network"],"type":["connection","allowed"]')
const DENIED = new JsonPiece(',"category":["network"],"type":["connection","denied"]')
const CONNECTION = new JsonPiece(',"category":["network"],"type":["connection"]')
const LOG = new JsonPiece('},"log":{"source":{"address":')
const SYSLOG = new JsonPiece('},"syslog":')
const VERSION_1 = new JsonPiece(',"version":"1"')
const HOSTNAME = textMember('hostname')
const APPNAME = textMember('appname')
const PROCID = textMember('procid')
const MSGID = textMember('msgid')
const STRUCTURED_DATA = member('structured_data')
/** Behind `log.syslog`, and behind `log.source` where there is nothing of syslog. */
const HOST = new JsonPiece('},"host":{"name":')
const HOST_BEHIND_SOURCE = new JsonPiece('}},"host":{"name":')
const SOURCE = member('source')
const DESTINATION = member('destination')
const IP = textMember('ip')
const PORT = member('port')
const PACKETS = member('packets')
const BYTES = member('bytes')
const NETWORK = member('network')
const TRANSPORT = textMember('transport')
const IANA_NUMBER = textMember('iana_number')
const IPV4 = new JsonPiece(',"type":"ipv4"')
const IPV6 = new JsonPiece(',"type":"ipv6"')
const INBOUND = new JsonPiece(',"direction":"inbound"')
const OUTBOUND = new JsonPiece(',"direction":"outbound"')
const RULE = member('rule')
const ID = textMember('id')
const LABEL = textMember('label')
const TCP_FLAGS = textMember('tcp_flags')
const TRUNCATED = new JsonPiece(',"truncated":true')
const INVALID = new JsonPiece(',"valid":false')
const CLOSE = new JsonPiece('}')

/** Of `log`, then of `log.syslog`: what a PRI says. */
const LEVELS = SEVERITIES.map((name) => new JsonPiece(`},"level":"${name}","syslog":`))
const PRIORITIES = Array.from({ length: PRI_MAX + 1 }, (_, pri) => {
  const severity = { code: pri & 7, name: SEVERITIES[pri & 7] }
  const text = JSON.stringify({ priority: pri, facility: { code: pri >> 3 }, severity })
  return new JsonPiece(`,${text.slice(1, -1)}`)
})

export class EcsEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  readonly #owned = new PerOwner(owned)
  readonly #ids = new EventIds()

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    out.putPiece(OPEN)
    putUtc(out, eventTime(view, batch, n))
    out.putPiece(MESSAGE)
    out.putByte(QUOTE)
    const plain = out.putInner(view.buf, view.msg_start, view.end)
    out.putPiece(EVENT)
    this.#ids.put(out, batch, n)
    putEvent(out, view, batch, plain)
    putLog(out, view)
    if (view.grammar !== Grammar.none) putFlow(out, view, plain)
    putOwned(out, view, plain, this.#owned.of(batch, view.stream, batch.owner(n)))
    out.putPiece(CLOSE)
    return true
  }
}

function putEvent(out: JsonBuffer, view: EventView, batch: Batch, plain: boolean): void {
  out.putPiece(CREATED)
  putUtc(out, view.received_at)
  out.putPiece(DATASET)
  out.putText(batch.names.stream(view.stream))
  if (view.grammar === Grammar.none) return
  putLower(out, ACTION, view, Fw.action, plain)
  putWord(out, REASON, view, Fw.event, plain)
  if (isWord(view, Fw.action, 'PASS') || isWord(view, Fw.action, 'ACCEPT')) out.putPiece(ALLOWED)
  else if (
    isWord(view, Fw.action, 'DROP') ||
    isWord(view, Fw.action, 'REJECT') ||
    isWord(view, Fw.action, 'DENY')
  )
    out.putPiece(DENIED)
  else out.putPiece(CONNECTION)
}

/** `log` and `host`; closes `event` and leaves nothing open. */
function putLog(out: JsonBuffer, view: EventView): void {
  const known = view.pri >= 0 && view.pri <= PRI_MAX
  out.putPiece(LOG)
  out.putText(view.peer)
  const syslog = known ? (LEVELS[view.pri & 7] as JsonPiece) : SYSLOG
  const at = begin(out, syslog)
  if (known) out.putPiece(PRIORITIES[view.pri] as JsonPiece)
  if (view.version === 1) out.putPiece(VERSION_1)
  putSpan(out, HOSTNAME, view, view.host_start, view.host_end)
  putSpan(out, APPNAME, view, view.app_start, view.app_end)
  putSpan(out, PROCID, view, view.proc_start, view.proc_end)
  putSpan(out, MSGID, view, view.msgid_start, view.msgid_end)
  if (view.sd_start >= 0) {
    out.putPiece(STRUCTURED_DATA)
    putStructuredData(out, view.buf, view.sd_start, view.sd_end)
  }
  out.putPiece(end(out, syslog, at) ? HOST : HOST_BEHIND_SOURCE)
  if (view.host_start >= 0) out.putUtf8(view.buf, view.host_start, view.host_end)
  else out.putText(view.peer)
  out.putPiece(CLOSE)
}

function putFlow(out: JsonBuffer, view: EventView, plain: boolean): void {
  const source = begin(out, SOURCE)
  putWord(out, IP, view, Fw.source_ip, plain)
  putCount(out, PORT, view, Fw.source_port)
  putCount(out, PACKETS, view, Fw.packets_out)
  putCount(out, BYTES, view, Fw.bytes_out)
  end(out, SOURCE, source)
  const destination = begin(out, DESTINATION)
  putWord(out, IP, view, Fw.destination_ip, plain)
  putCount(out, PORT, view, Fw.destination_port)
  putCount(out, PACKETS, view, Fw.packets_in)
  putCount(out, BYTES, view, Fw.bytes_in)
  end(out, DESTINATION, destination)
  const network = begin(out, NETWORK)
  const protocol = view.fw[Fw.protocol] as number
  const digit = protocol < 0 ? 0 : (view.buf[protocol] ?? 0)
  if (digit >= 0x30 && digit <= 0x39) putWord(out, IANA_NUMBER, view, Fw.protocol, plain)
  else putLower(out, TRANSPORT, view, Fw.protocol, plain)
  const version = ipVersion(view)
  if (version > 0) out.putPiece(version === 4 ? IPV4 : IPV6)
  if (isWord(view, Fw.direction, 'IN')) out.putPiece(INBOUND)
  else if (isWord(view, Fw.direction, 'OUT')) out.putPiece(OUTBOUND)
  putCount(out, BYTES, view, Fw.length)
  end(out, NETWORK, network)
  const rule = begin(out, RULE)
  putWord(out, ID, view, Fw.rule_id, plain)
  end(out, RULE, rule)
}

/** `organization` and `vcd`. */
function putOwned(out: JsonBuffer, view: EventView, plain: boolean, prepared: Buffer): void {
  out.putRaw(prepared)
  putSpan(out, LABEL, view, view.label_start, view.label_end, plain)
  if (view.grammar !== Grammar.none) putWord(out, TCP_FLAGS, view, Fw.tcp_flags, plain)
  if ((view.flags & EventFlag.truncated) !== 0) out.putPiece(TRUNCATED)
  if ((view.flags & EventFlag.invalid) !== 0) out.putPiece(INVALID)
  out.putPiece(CLOSE)
}

/** `,"organization":{…},"vcd":{…`, open at the end. */
function owned(names: BatchNames, stream: number, owner: number): Buffer {
  const found = names.owner(owner)
  const whose = found?.owner
  const { org = null, org_vdc = null, data_center_group = null, gateway = null } = whose ?? {}
  const parts = { org_vdc, data_center_group, gateway }
  const known = Object.fromEntries(
    Object.entries(parts).flatMap(([key, value]) => (value === null ? [] : [[key, named(value)]])),
  )
  const vcd = {
    stream: names.stream(stream),
    ...(found === null ? {} : { tenant: found.tenant }),
    ...known,
  }
  const organization = org === null ? '' : `,"organization":${JSON.stringify(named(org))}`
  return Buffer.from(`${organization},"vcd":${JSON.stringify(vcd).slice(0, -1)}`)
}

function named({ id, name }: { readonly id: string; readonly name: string | null }): object {
  return name === null ? { id } : { id, name }
}
