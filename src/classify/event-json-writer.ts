/**
 * The event as JSON, written as bytes: the body of `format: json`. The same text as
 * `JSON.stringify(eventObject(…))`, except that names in structured data keep the sender's order even where they
 * look like numbers.
 */
import { Buffer } from 'node:buffer'
import { type JsonBuffer, JsonPiece } from '../base/json-buffer.ts'
import { EVENT_SCHEMA, TIMESTAMP_NOTES, type EventContext, type EventOwner } from './event-json.ts'
import { facility, fieldNumber, ipVersion, severity } from './fields.ts'
import { putInnerJson } from './inner-json.ts'
import { putStructuredData } from './structured-data-writer.ts'
import { putUtc, timestampKind, timestampMs } from './timestamp.ts'
import { EventFlag, Fw, Grammar, HEADER_FORM_NAMES, type EventView } from './view.ts'

const key = (name: string): JsonPiece => new JsonPiece(`,"${name}":`)

/** A key of a text that may be absent: up to its opening quote, and with what stands there then. */
interface TextKey {
  readonly open: JsonPiece
  readonly none: JsonPiece
}

const textKey = (name: string): TextKey => ({
  open: new JsonPiece(`,"${name}":"`),
  none: new JsonPiece(`,"${name}":null`),
})

const OPEN = new JsonPiece(`{"schema":"${EVENT_SCHEMA}"`)
const ID = key('id')
const RECEIVED_AT = key('received_at')
const LISTENER = key('listener')
const PEER = key('peer')
const SOURCE = key('source')
const SITE = key('site')
const STREAM = key('stream')
const SEVERITY = key('severity')
const VERSION = key('version')
const TIMESTAMP = key('timestamp')
const TIMESTAMP_NOTE = key('timestamp_note')
const HOSTNAME = textKey('hostname')
const APP_NAME = textKey('app_name')
const PROC_ID = textKey('proc_id')
const MSG_ID = textKey('msg_id')
const STRUCTURED_DATA = key('structured_data')
const MESSAGE = new JsonPiece(',"message":"')
const LABEL = textKey('label')
const FIREWALL = key('firewall')
const TENANT = key('tenant')
const OWNER = key('owner')
const CLOSE = 0x7d
const QUOTE = 0x22

/** `,"header":…,"valid":…,"truncated":…,"facility":` by form times 4, plus 2 for valid, plus 1 for truncated. */
const STATES: readonly JsonPiece[] = HEADER_FORM_NAMES.flatMap((name) =>
  [0, 1, 2, 3].map(
    (bits) =>
      new JsonPiece(`,"header":"${name}","valid":${bits >= 2},"truncated":${bits % 2 === 1},"facility":`),
  ),
)

const EVENT: TextKey = { open: new JsonPiece('{"event":"'), none: new JsonPiece('{"event":null') }
const IP_VERSION = key('ip_version')
const ACTION = textKey('action')
const RULE_ID = textKey('rule_id')
const DIRECTION = textKey('direction')
const CLOSE_KEY = textKey('close')
const ICMP_TYPE = key('icmp_type')
const ICMP_CODE = key('icmp_code')
const PACKETS_IN = key('packets_in')
const PACKETS_OUT = key('packets_out')
const BYTES_IN = key('bytes_in')
const BYTES_OUT = key('bytes_out')
/** The last keys of a line that closes no session and has no ICMP type: most lines. */
const NO_TAIL = new JsonPiece(
  ['icmp_type', 'icmp_code', 'packets_in', 'packets_out', 'bytes_in', 'bytes_out']
    .map((name) => `,"${name}":null`)
    .join(''),
)
const RULESET = textKey('ruleset')
const INTERFACE = textKey('interface')
const APPLICATION = textKey('application')
const REPEATED = key('repeated')
/** The same for what only some senders write. */
const NO_MORE = new JsonPiece(
  ['ruleset', 'interface', 'application', 'repeated'].map((name) => `,"${name}":null`).join(''),
)
const LENGTH = key('length')
const PROTOCOL = textKey('protocol')
const SOURCE_IP = textKey('source_ip')
const SOURCE_PORT = key('source_port')
const DESTINATION_IP = textKey('destination_ip')
const DESTINATION_PORT = key('destination_port')
const TCP_FLAGS = textKey('tcp_flags')

/** Owners are the rules' own objects, shared by their events. */
const owner_texts = new WeakMap<EventOwner, Buffer>()

/** Writes the object at the end of `target`, without a line end. */
export function writeEventJson(
  view: EventView,
  stream: string,
  target: JsonBuffer,
  context: EventContext,
): void {
  const { arrival, ownership } = context
  target.putPiece(OPEN)
  if (arrival !== undefined) {
    putNamed(target, ID, arrival.id)
    target.putPiece(RECEIVED_AT)
    putUtc(target, view.received_at)
    putNamed(target, LISTENER, arrival.listener)
    putNamed(target, PEER, view.peer)
    putNamed(target, SOURCE, arrival.source)
    putNamed(target, SITE, arrival.site)
  }
  putNamed(target, STREAM, stream)
  writeEventRest(view, target, ownership, context.zone ?? 'UTC')
}

/** The object from behind its `stream` on. */
export function writeEventRest(
  view: EventView,
  target: JsonBuffer,
  ownership: EventContext['ownership'],
  zone: string,
): void {
  // One look at all bytes, instead of one at those of each field.
  const plain = target.isPlain(view.buf, view.start, view.end)
  putHeader(view, target, zone, plain)
  target.putPiece(STRUCTURED_DATA)
  if (view.sd_start < 0) target.putNull()
  else putStructuredData(target, view.buf, view.sd_start, view.sd_end)
  putText(view, target, MESSAGE, view.msg_start, view.end, plain)
  putSpan(view, target, LABEL, view.label_start, view.label_end, plain)
  target.putPiece(FIREWALL)
  if (view.grammar === Grammar.none) target.putNull()
  else putFirewall(view, target, plain)
  if (view.family !== Grammar.none) putInnerJson(view, target)
  if (ownership !== undefined) {
    putNamed(target, TENANT, ownership === null ? null : ownership.tenant)
    target.putPiece(OWNER)
    if (ownership === null) target.putNull()
    else target.putRaw(ownerText(ownership.owner))
  }
  target.putByte(CLOSE)
}

function putHeader(view: EventView, target: JsonBuffer, zone: string, plain: boolean): void {
  const valid = (view.flags & EventFlag.invalid) === 0 ? 2 : 0
  const truncated = (view.flags & EventFlag.truncated) === 0 ? 0 : 1
  target.putPiece(STATES[view.form * 4 + valid + truncated]!)
  putKnown(target, facility(view))
  target.putPiece(SEVERITY)
  putKnown(target, severity(view))
  target.putPiece(VERSION)
  putKnown(target, view.version)
  target.putPiece(TIMESTAMP)
  putUtc(target, timestampMs(view, zone))
  if (zone !== 'UTC') {
    const note = TIMESTAMP_NOTES[timestampKind(view, zone)]
    if (note !== null) putNamed(target, TIMESTAMP_NOTE, note)
  }
  putSpan(view, target, HOSTNAME, view.host_start, view.host_end, plain)
  putSpan(view, target, APP_NAME, view.app_start, view.app_end, plain)
  putSpan(view, target, PROC_ID, view.proc_start, view.proc_end, plain)
  putSpan(view, target, MSG_ID, view.msgid_start, view.msgid_end, plain)
}

function putFirewall(view: EventView, target: JsonBuffer, plain: boolean): void {
  putWord(view, target, EVENT, Fw.event, plain)
  putWord(view, target, ACTION, Fw.action, plain)
  putWord(view, target, RULE_ID, Fw.rule_id, plain)
  putWord(view, target, DIRECTION, Fw.direction, plain)
  target.putPiece(IP_VERSION)
  putKnown(target, ipVersion(view))
  putNumber(view, target, LENGTH, Fw.length)
  putWord(view, target, PROTOCOL, Fw.protocol, plain)
  putWord(view, target, SOURCE_IP, Fw.source_ip, plain)
  putNumber(view, target, SOURCE_PORT, Fw.source_port)
  putWord(view, target, DESTINATION_IP, Fw.destination_ip, plain)
  putNumber(view, target, DESTINATION_PORT, Fw.destination_port)
  putWord(view, target, TCP_FLAGS, Fw.tcp_flags, plain)
  putWord(view, target, CLOSE_KEY, Fw.close, plain)
  if (view.fw[Fw.icmp_type]! < 0 && view.fw[Fw.icmp_code]! < 0 && view.fw[Fw.packets_in]! < 0) {
    target.putPiece(NO_TAIL)
  } else {
    putNumber(view, target, ICMP_TYPE, Fw.icmp_type)
    putNumber(view, target, ICMP_CODE, Fw.icmp_code)
    putNumber(view, target, PACKETS_IN, Fw.packets_in)
    putNumber(view, target, PACKETS_OUT, Fw.packets_out)
    putNumber(view, target, BYTES_IN, Fw.bytes_in)
    putNumber(view, target, BYTES_OUT, Fw.bytes_out)
  }
  const { fw } = view
  if (fw[Fw.ruleset]! < 0 && fw[Fw.interface]! < 0 && fw[Fw.application]! < 0 && fw[Fw.repeated]! < 0) {
    target.putPiece(NO_MORE)
  } else {
    putWord(view, target, RULESET, Fw.ruleset, plain)
    putWord(view, target, INTERFACE, Fw.interface, plain)
    putWord(view, target, APPLICATION, Fw.application, plain)
    putNumber(view, target, REPEATED, Fw.repeated)
  }
  target.putByte(CLOSE)
}

function putNamed(target: JsonBuffer, name: JsonPiece, value: string | null): void {
  target.putPiece(name)
  if (value === null) target.putNull()
  else target.putText(value)
}

function putKnown(target: JsonBuffer, value: number): void {
  if (value < 0) target.putNull()
  else target.putNumber(value)
}

function putSpan(
  view: EventView,
  target: JsonBuffer,
  name: TextKey,
  start: number,
  end: number,
  plain: boolean,
): void {
  if (start < 0) target.putPiece(name.none)
  else putText(view, target, name.open, start, end, plain)
}

/** `open` ends with the opening quote; `plain` says that nothing of the event needs escaping. */
function putText(
  view: EventView,
  target: JsonBuffer,
  open: JsonPiece,
  start: number,
  end: number,
  plain: boolean,
): void {
  if (plain) target.putSame(open, view.buf, start, end)
  else {
    target.putPiece(open)
    target.putInner(view.buf, start, end)
  }
  target.putByte(QUOTE)
}

function putWord(view: EventView, target: JsonBuffer, name: TextKey, slot: number, plain: boolean): void {
  putSpan(view, target, name, view.fw[slot]!, view.fw[slot + 1]!, plain)
}

function putNumber(view: EventView, target: JsonBuffer, name: JsonPiece, slot: number): void {
  target.putPiece(name)
  putKnown(target, fieldNumber(view, slot))
}

function ownerText(owner: EventOwner): Buffer {
  let text = owner_texts.get(owner)
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(owner))
    owner_texts.set(owner, text)
  }
  return text
}
