/**
 * Events as log records of OpenTelemetry's data model (opentelemetry.io/docs/specs/otel/logs/data-model): the fields of
 * a record in snake_case, `attributes` and `resource` flat under dotted names, those of the semantic conventions where
 * there are any. Absent ones are left out.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../../base/json-buffer.ts'
import { ipVersion } from '../../classify/fields.ts'
import { putUtc } from '../../classify/timestamp.ts'
import { EventFlag, type EventView, Fw, Grammar } from '../../classify/view.ts'
import type { Batch, BatchNames } from '../../queue/batch.ts'
import type { EventEncoder } from './batch-encoder.ts'
import { eventTime, type EventReader } from './event-reader.ts'
import { isWord, member, putCount, putLower, putSpan, putWord, textMember } from './members.ts'
import { EventIds } from './event-ids.ts'
import { PerOwner } from './per-owner.ts'

const PRI_MAX = 191
const QUOTE = 0x22
/** The data model's appendix B: syslog severities as severity numbers. */
const NUMBERS = [21, 19, 18, 17, 13, 10, 9, 5]
const TEXTS = ['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG']

const OPEN = new JsonPiece('{"timestamp":')
const OBSERVED = member('observed_timestamp')
const BODY = member('body')
const ATTRIBUTES = new JsonPiece('","attributes":{"log.record.uid":')
const PEER = member('net.peer.address')
const HOSTNAME = textMember('syslog.hostname')
const APPNAME = textMember('syslog.appname')
const PROCID = textMember('syslog.procid')
const MSGID = textMember('syslog.msgid')
const STRUCTURED_DATA = textMember('syslog.structured_data')
const ACTION = textMember('firewall.action')
const EVENT = textMember('firewall.event')
const RULE = textMember('firewall.rule.id')
const TCP_FLAGS = textMember('firewall.tcp_flags')
const SOURCE_ADDRESS = textMember('source.address')
const SOURCE_PORT = member('source.port')
const DESTINATION_ADDRESS = textMember('destination.address')
const DESTINATION_PORT = member('destination.port')
const TRANSPORT = textMember('network.transport')
const IPV4 = new JsonPiece(',"network.type":"ipv4"')
const IPV6 = new JsonPiece(',"network.type":"ipv6"')
const RECEIVE = new JsonPiece(',"network.io.direction":"receive"')
const TRANSMIT = new JsonPiece(',"network.io.direction":"transmit"')
const PACKET_BYTES = member('firewall.length')
const PACKETS_IN = member('firewall.packets_in')
const PACKETS_OUT = member('firewall.packets_out')
const BYTES_IN = member('firewall.bytes_in')
const BYTES_OUT = member('firewall.bytes_out')
const LABEL = textMember('vcd.label')
const TRUNCATED = new JsonPiece(',"log.truncated":true')
const RESOURCE = new JsonPiece('},"resource":{"host.name":')
const CLOSE_TWO = new JsonPiece('}}')

const SEVERITY = Array.from(NUMBERS, (number, n) => {
  return new JsonPiece(`,"severity_number":${number},"severity_text":"${TEXTS[n] ?? ''}"`)
})
const FACILITY = Array.from({ length: 24 }, (_, code) => new JsonPiece(`,"syslog.facility.code":${code}`))

export class OtelEncoder implements EventEncoder {
  readonly clean = true
  readonly #reader: EventReader
  readonly #owned = new PerOwner(owned)
  readonly #ids = new EventIds()

  constructor(reader: EventReader) {
    this.#reader = reader
  }

  encode(out: JsonBuffer, batch: Batch, n: number): boolean {
    const view = this.#reader.fields(batch, n)
    const known = view.pri >= 0 && view.pri <= PRI_MAX
    out.putPiece(OPEN)
    putUtc(out, eventTime(view, batch, n))
    out.putPiece(OBSERVED)
    putUtc(out, view.received_at)
    if (known) out.putPiece(SEVERITY[view.pri & 7] as JsonPiece)
    out.putPiece(BODY)
    out.putByte(QUOTE)
    const plain = out.putInner(view.buf, view.msg_start, view.end)
    out.putPiece(ATTRIBUTES)
    this.#ids.put(out, batch, n)
    out.putPiece(PEER)
    out.putText(view.peer)
    if (known) out.putPiece(FACILITY[view.pri >> 3] as JsonPiece)
    putHeader(out, view)
    if (view.grammar !== Grammar.none) putFlow(out, view, plain)
    putSpan(out, LABEL, view, view.label_start, view.label_end, plain)
    if ((view.flags & EventFlag.truncated) !== 0) out.putPiece(TRUNCATED)
    out.putPiece(RESOURCE)
    if (view.host_start >= 0) out.putUtf8(view.buf, view.host_start, view.host_end)
    else out.putText(view.peer)
    out.putRaw(this.#owned.of(batch, view.stream, batch.owner(n)))
    out.putPiece(CLOSE_TWO)
    return true
  }
}

function putHeader(out: JsonBuffer, view: EventView): void {
  putSpan(out, HOSTNAME, view, view.host_start, view.host_end)
  putSpan(out, APPNAME, view, view.app_start, view.app_end)
  putSpan(out, PROCID, view, view.proc_start, view.proc_end)
  putSpan(out, MSGID, view, view.msgid_start, view.msgid_end)
  putSpan(out, STRUCTURED_DATA, view, view.sd_start, view.sd_end)
}

function putFlow(out: JsonBuffer, view: EventView, plain: boolean): void {
  putWord(out, ACTION, view, Fw.action, plain)
  putWord(out, EVENT, view, Fw.event, plain)
  putWord(out, RULE, view, Fw.rule_id, plain)
  putWord(out, SOURCE_ADDRESS, view, Fw.source_ip, plain)
  putCount(out, SOURCE_PORT, view, Fw.source_port)
  putWord(out, DESTINATION_ADDRESS, view, Fw.destination_ip, plain)
  putCount(out, DESTINATION_PORT, view, Fw.destination_port)
  putLower(out, TRANSPORT, view, Fw.protocol, plain)
  const version = ipVersion(view)
  if (version > 0) out.putPiece(version === 4 ? IPV4 : IPV6)
  if (isWord(view, Fw.direction, 'IN')) out.putPiece(RECEIVE)
  else if (isWord(view, Fw.direction, 'OUT')) out.putPiece(TRANSMIT)
  putWord(out, TCP_FLAGS, view, Fw.tcp_flags, plain)
  putCount(out, PACKET_BYTES, view, Fw.length)
  putCount(out, PACKETS_IN, view, Fw.packets_in)
  putCount(out, PACKETS_OUT, view, Fw.packets_out)
  putCount(out, BYTES_IN, view, Fw.bytes_in)
  putCount(out, BYTES_OUT, view, Fw.bytes_out)
}

/** More members of `resource`: who owns the event, and its stream. */
function owned(names: BatchNames, stream: number, owner: number): Buffer {
  const found = names.owner(owner)
  const fields: Record<string, string> = { 'vcd.stream': names.stream(stream) }
  if (found !== null) fields['vcd.tenant'] = found.tenant
  for (const key of ['org', 'org_vdc', 'data_center_group', 'gateway'] as const) {
    const part = found?.owner[key] ?? null
    if (part === null) continue
    fields[`vcd.${key}.id`] = part.id
    if (part.name !== null) fields[`vcd.${key}.name`] = part.name
  }
  return Buffer.from(`,${JSON.stringify(fields).slice(1, -1)}`)
}
