/**
 * The event as JSON (docs of the interface), as an object: for `parse`, `explain` and everything that is not in a hurry.
 * `event-json-writer.ts` writes the same as bytes; a test holds the two together.
 */
import { facility, fieldNumber, ipVersion, severity } from './fields.ts'
import { type InnerValue, innerObject } from './inner-json.ts'
import { structuredDataObject, type SdObject } from './structured-data.ts'
import { timestampKind, timestampText, utcText } from './timestamp.ts'
import { EventFlag, Fw, Grammar, HEADER_FORM_NAMES, type EventView } from './view.ts'

export const EVENT_SCHEMA = 'logweir.event/1'

/** Values of `timestamp_note`, by the numbers of `LocalTime`. */
export const TIMESTAMP_NOTES = [null, 'repeated_hour', 'skipped_hour'] as const

/** What only a running router knows. Receive time and peer are the view's. */
export interface EventArrival {
  readonly id: string
  readonly listener: string
  /** Null: from a peer that no source names. */
  readonly source: string | null
  readonly site: string | null
}

/** Whose event it is; the rules know. The object may be shared by events: its JSON is made once for each. */
export interface EventOwnership {
  readonly tenant: string
  readonly owner: EventOwner
}

export interface EventOwner {
  readonly org: EventName | null
  readonly org_vdc: EventName | null
  readonly data_center_group: EventName | null
  readonly gateway: EventName | null
  readonly by: string
}

export interface EventName {
  readonly id: string
  readonly name: string | null
}

/** What the view does not hold. `arrival` and `ownership` left out: their keys are left out too. */
export interface EventContext {
  readonly arrival?: EventArrival
  /** Null: an orphan. */
  readonly ownership?: EventOwnership | null
  /** IANA zone of the sender's clock; `UTC` when left out. */
  readonly zone?: string
}

export interface FirewallJson {
  readonly event: string | null
  readonly action: string | null
  readonly rule_id: string | null
  readonly direction: string | null
  readonly ip_version: number | null
  readonly length: number | null
  readonly protocol: string | null
  readonly source_ip: string | null
  readonly source_port: number | null
  readonly destination_ip: string | null
  readonly destination_port: number | null
  readonly tcp_flags: string | null
  readonly close: string | null
  readonly icmp_type: number | null
  readonly icmp_code: number | null
  readonly packets_in: number | null
  readonly packets_out: number | null
  readonly bytes_in: number | null
  readonly bytes_out: number | null
  readonly ruleset: string | null
  readonly interface: string | null
  readonly application: string | null
  readonly repeated: number | null
}

export interface EventJson {
  readonly schema: typeof EVENT_SCHEMA
  readonly id?: string
  readonly received_at?: string | null
  readonly listener?: string
  readonly peer?: string
  readonly source?: string | null
  readonly site?: string | null
  readonly stream: string
  readonly header: (typeof HEADER_FORM_NAMES)[number]
  readonly valid: boolean
  readonly truncated: boolean
  readonly facility: number | null
  readonly severity: number | null
  readonly version: number | null
  readonly timestamp: string | null
  /** Only where the zone's clocks show the header's time twice or never. */
  readonly timestamp_note?: string
  readonly hostname: string | null
  readonly app_name: string | null
  readonly proc_id: string | null
  readonly msg_id: string | null
  readonly structured_data: SdObject | null
  readonly message: string
  readonly label: string | null
  readonly firewall: FirewallJson | null
  /** The inner fields of the stream's family, where it has one. */
  readonly esxi?: InnerJson
  readonly vcenter?: InnerJson
  readonly nsx?: InnerJson
  readonly vcd?: InnerJson
  readonly cf?: InnerJson
  readonly edge?: InnerJson
  readonly tenant?: string | null
  readonly owner?: EventOwner | null
}

export type InnerJson = Readonly<Record<string, InnerValue>>

/** The event that a classified view holds, with the keys in the interface's order. */
export function eventObject(view: EventView, stream: string, context: EventContext = {}): EventJson {
  const { arrival, ownership, zone = 'UTC' } = context
  const note = TIMESTAMP_NOTES[timestampKind(view, zone)]
  return {
    schema: EVENT_SCHEMA,
    ...(arrival === undefined ? {} : arrivalKeys(view, arrival)),
    stream,
    header: HEADER_FORM_NAMES[view.form],
    valid: (view.flags & EventFlag.invalid) === 0,
    truncated: (view.flags & EventFlag.truncated) !== 0,
    facility: known(facility(view)),
    severity: known(severity(view)),
    version: known(view.version),
    timestamp: timestampText(view, zone),
    ...(note === null ? {} : { timestamp_note: note }),
    hostname: text(view, view.host_start, view.host_end),
    app_name: text(view, view.app_start, view.app_end),
    proc_id: text(view, view.proc_start, view.proc_end),
    msg_id: text(view, view.msgid_start, view.msgid_end),
    structured_data: view.sd_start < 0 ? null : structuredDataObject(view.buf, view.sd_start, view.sd_end),
    message: view.buf.toString('utf8', view.msg_start, view.end),
    label: text(view, view.label_start, view.label_end),
    firewall: view.grammar === Grammar.none ? null : firewallObject(view),
    ...innerObject(view),
    ...(ownership === undefined
      ? {}
      : { tenant: ownership?.tenant ?? null, owner: ownership?.owner ?? null }),
  }
}

function arrivalKeys(view: EventView, arrival: EventArrival): Partial<EventJson> {
  return {
    id: arrival.id,
    received_at: utcText(view.received_at),
    listener: arrival.listener,
    peer: view.peer,
    source: arrival.source,
    site: arrival.site,
  }
}

function firewallObject(view: EventView): FirewallJson {
  const word = (slot: number): string | null => text(view, view.fw[slot]!, view.fw[slot + 1]!)
  const number = (slot: number): number | null => known(fieldNumber(view, slot))
  return {
    event: word(Fw.event),
    action: word(Fw.action),
    rule_id: word(Fw.rule_id),
    direction: word(Fw.direction),
    ip_version: known(ipVersion(view)),
    length: number(Fw.length),
    protocol: word(Fw.protocol),
    source_ip: word(Fw.source_ip),
    source_port: number(Fw.source_port),
    destination_ip: word(Fw.destination_ip),
    destination_port: number(Fw.destination_port),
    tcp_flags: word(Fw.tcp_flags),
    close: word(Fw.close),
    icmp_type: number(Fw.icmp_type),
    icmp_code: number(Fw.icmp_code),
    packets_in: number(Fw.packets_in),
    packets_out: number(Fw.packets_out),
    bytes_in: number(Fw.bytes_in),
    bytes_out: number(Fw.bytes_out),
    ruleset: word(Fw.ruleset),
    interface: word(Fw.interface),
    application: word(Fw.application),
    repeated: number(Fw.repeated),
  }
}

function known(value: number): number | null {
  return value < 0 ? null : value
}

function text(view: EventView, start: number, end: number): string | null {
  return start < 0 ? null : view.buf.toString('utf8', start, end)
}
