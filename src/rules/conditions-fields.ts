/**
 * Where each field of a condition is found. Four kinds: spans of the frame, numbers of the header, texts that are
 * known by name (a stream, a listener, an owner), and spans that hold addresses or numbers. Reading one makes nothing.
 */
import { Buffer } from 'node:buffer'
import { innerField, type InnerKind } from '../classify/inner.ts'
import { timestampMs } from '../classify/timestamp.ts'
import { EventFlag, type EventView, Fw, HEADER_FORM_NAMES } from '../classify/view.ts'
import { type InnerReader, innerReader } from './conditions-inner.ts'
import type { SdParameter } from './conditions-structured-data.ts'
import type { ConditionField, RulesPlan, SdField } from './plan.ts'

/** Whether the condition holds for an event of an owner (0 or less: nobody's). Makes no garbage, keeps nothing. */
export type Predicate = (view: EventView, owner: number) => boolean

/** How a number is written in a condition: other writings equal none. */
export const CANONICAL_NUMBER: RegExp = /^(0|[1-9][0-9]{0,14})$/

/** Names that the configuration gives to numbers in a view. */
export interface ConditionEnv {
  /** By {@link EventView.listener}. */
  readonly listeners: readonly string[]
  /** By {@link EventView.source} less 1. */
  readonly sources: readonly {
    readonly name: string
    readonly site: string | null
    /** Zone of its clocks; left out: UTC. */
    readonly zone?: string
  }[]
}

/** A span of the frame; `start` gives -1 when the field is absent, and `end` is asked only when it is not. */
export interface SpanReader {
  start(view: EventView): number
  end(view: EventView): number
}

/** A text that is made already; null when absent. Owner 0 or less is nobody. */
export type TextReader = (view: EventView, owner: number) => string | null

/** A number of the header; -1 when absent. */
export type NumberReader = (view: EventView) => number

export type FieldReader =
  /** `of` has two entries for `address` and `port`: either end. */
  | { readonly kind: 'span' | 'number_span' | 'address'; readonly of: readonly SpanReader[] }
  | { readonly kind: 'text'; readonly read: TextReader }
  | { readonly kind: 'number'; readonly read: NumberReader }
  /** All values of a parameter of structured data: one that fits is enough. */
  | { readonly kind: 'parameter'; readonly parameter: SdParameter }
  /** A field of the message that is read when it is asked for. */
  | { readonly kind: 'inner'; readonly of: InnerKind; readonly some: InnerReader }

const PRI_MAX = 191

/** 0–7, -1 when there is no PRI or one that no standard knows. */
export const severityOf: NumberReader = (view) => (view.pri < 0 || view.pri > PRI_MAX ? -1 : view.pri & 7)
/** 0–23, -1 as for {@link severityOf}. */
export const facilityOf: NumberReader = (view) => (view.pri < 0 || view.pri > PRI_MAX ? -1 : view.pri >> 3)

const COLON = 0x3a

/** 4 or 6 by the family word; edge lines of NSX-V have none, there the source address tells. */
const ipVersionOf: NumberReader = (view) => {
  if (view.grammar === 0) return -1
  const family = view.fw[Fw.family] as number
  if (family >= 0) return (view.fw[Fw.family + 1] as number) - family === 4 ? 4 : 6
  const end = view.fw[Fw.source_ip + 1] as number
  const start = view.fw[Fw.source_ip] as number
  if (start < 0) return -1
  for (let at = start; at < end; at++) if (view.buf[at] === COLON) return 6
  return 4
}

function firewall(slot: number): SpanReader {
  return {
    start: (view) => (view.grammar === 0 ? -1 : (view.fw[slot] as number)),
    end: (view) => view.fw[slot + 1] as number,
  }
}

const spans: Partial<Record<ConditionField, readonly SpanReader[]>> = {
  hostname: [{ start: (view) => view.host_start, end: (view) => view.host_end }],
  app_name: [{ start: (view) => view.app_start, end: (view) => view.app_end }],
  proc_id: [{ start: (view) => view.proc_start, end: (view) => view.proc_end }],
  msg_id: [{ start: (view) => view.msgid_start, end: (view) => view.msgid_end }],
  message: [{ start: (view) => view.msg_start, end: (view) => view.end }],
  label: [{ start: (view) => view.label_start, end: (view) => view.label_end }],
  'firewall.event': [firewall(Fw.event)],
  'firewall.action': [firewall(Fw.action)],
  'firewall.direction': [firewall(Fw.direction)],
  'firewall.protocol': [firewall(Fw.protocol)],
  'firewall.rule_id': [firewall(Fw.rule_id)],
  'firewall.tcp_flags': [firewall(Fw.tcp_flags)],
  'firewall.close': [firewall(Fw.close)],
  'firewall.ruleset': [firewall(Fw.ruleset)],
  'firewall.interface': [firewall(Fw.interface)],
  'firewall.application': [firewall(Fw.application)],
}

const numberSpans: Partial<Record<ConditionField, readonly SpanReader[]>> = {
  'firewall.source_port': [firewall(Fw.source_port)],
  'firewall.destination_port': [firewall(Fw.destination_port)],
  'firewall.port': [firewall(Fw.source_port), firewall(Fw.destination_port)],
  'firewall.length': [firewall(Fw.length)],
  'firewall.icmp_type': [firewall(Fw.icmp_type)],
  'firewall.icmp_code': [firewall(Fw.icmp_code)],
  'firewall.packets_in': [firewall(Fw.packets_in)],
  'firewall.packets_out': [firewall(Fw.packets_out)],
  'firewall.bytes_in': [firewall(Fw.bytes_in)],
  'firewall.bytes_out': [firewall(Fw.bytes_out)],
  'firewall.repeated': [firewall(Fw.repeated)],
}

const addressSpans: Partial<Record<ConditionField, readonly SpanReader[]>> = {
  'firewall.source_ip': [firewall(Fw.source_ip)],
  'firewall.destination_ip': [firewall(Fw.destination_ip)],
  'firewall.address': [firewall(Fw.source_ip), firewall(Fw.destination_ip)],
}

const numbers: Partial<Record<ConditionField, NumberReader>> = {
  severity: severityOf,
  facility: facilityOf,
  version: (view) => view.version,
  received_at: (view) => view.received_at,
  'firewall.ip_version': ipVersionOf,
}

/** How the field is read. Build one per condition at load; the readers are closures. */
export function fieldReader(field: ConditionField, plan: RulesPlan, env: ConditionEnv): FieldReader {
  const span = spans[field]
  if (span !== undefined) return { kind: 'span', of: span }
  const numberSpan = numberSpans[field]
  if (numberSpan !== undefined) return { kind: 'number_span', of: numberSpan }
  const address = addressSpans[field]
  if (address !== undefined) return { kind: 'address', of: address }
  const number = numbers[field]
  if (number !== undefined) return { kind: 'number', read: number }
  if (field === 'timestamp') return { kind: 'number', read: timestampReader(env) }
  const inner = innerField(field)
  if (inner !== undefined) return { kind: 'inner', of: inner.kind, some: innerReader(inner, plan) }
  if (isSdField(field)) return { kind: 'parameter', parameter: sdParameter(field) }
  return { kind: 'text', read: textReader(field, plan, env) }
}

/** Milliseconds since 1970 of the header's time. Not cheap; only who asks pays. */
function timestampReader({ sources }: ConditionEnv): NumberReader {
  const zones = ['UTC', ...sources.map(({ zone }) => zone ?? 'UTC')]
  return (view) => {
    const ms = timestampMs(view, zones[view.source] ?? 'UTC')
    return Number.isNaN(ms) || ms < 0 ? -1 : ms
  }
}

export function isSdField(field: ConditionField): field is SdField {
  return field.startsWith('structured_data.')
}

/** No name holds a blank, so the last one parts element and parameter. */
function sdParameter(field: SdField): SdParameter {
  const blank = field.lastIndexOf(' ')
  return {
    id: Buffer.from(field.slice('structured_data.'.length, blank)),
    name: Buffer.from(field.slice(blank + 1)),
  }
}

function textReader(field: ConditionField, plan: RulesPlan, env: ConditionEnv): TextReader {
  const streams = plan.streams.map((stream) => stream.name)
  switch (field) {
    case 'stream':
      return (view) => streams[view.stream] ?? null
    case 'peer':
      return (view) => (view.peer === '' ? null : view.peer)
    case 'listener':
      return (view) => env.listeners[view.listener] ?? null
    case 'source':
      return (view) => env.sources[view.source - 1]?.name ?? null
    case 'site':
      return (view) => env.sources[view.source - 1]?.site ?? null
    case 'header':
      return (view) => HEADER_FORM_NAMES[view.form]
    case 'valid':
      return (view) => ((view.flags & EventFlag.invalid) === 0 ? 'true' : 'false')
    case 'truncated':
      return (view) => ((view.flags & EventFlag.truncated) === 0 ? 'false' : 'true')
    case 'owner.by':
      return (_, owner) => (owner > 0 ? (plan.owners[owner]?.by ?? null) : null)
    case 'tenant':
      return (_, owner) => (owner > 0 ? (plan.tenants[plan.owners[owner]?.tenant ?? -1]?.name ?? null) : null)
    default:
      return ownerReader(field, plan)
  }
}

/** `owner.org.id` … `owner.gateway.name`. */
function ownerReader(field: ConditionField, plan: RulesPlan): TextReader {
  const [, object, property] = field.split('.')
  const key = property === 'name' ? 'name' : 'id'
  if (object === 'org') {
    return (_, owner) =>
      owner > 0 ? (plan.tenants[plan.owners[owner]?.tenant ?? -1]?.org?.[key] ?? null) : null
  }
  if (object !== 'org_vdc' && object !== 'data_center_group' && object !== 'gateway') return () => null
  return (_, owner) => (owner > 0 ? (plan.owners[owner]?.[object]?.[key] ?? null) : null)
}
