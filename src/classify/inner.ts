/**
 * Inner fields: what messages say beside the fields of firewalls. Nothing of this is read while an event is routed, unless
 * a condition asks for a field or JSON is written; then all fields of the event's family are read at once, from bytes.
 *
 * This is the table of what can be asked: each field's dotted name, its kind, and through {@link findInner} its bytes.
 */
import { Buffer } from 'node:buffer'
import { readCf } from './inner-cf.ts'
import { readEdge } from './inner-edge.ts'
import { readEsxi } from './inner-esxi.ts'
import { readNsx } from './inner-nsx.ts'
import { Cf, Edge, Esxi, Nsx, Vcd, Vcenter } from './inner-slots.ts'
import { unescapeInto } from './inner-spans.ts'
import { readVcd } from './inner-vcd.ts'
import { readVcenter } from './inner-vcenter.ts'
import { type EventView, Grammar } from './view.ts'

/** How a field stands in JSON, and how conditions compare it. A number that is none is text in neither: it is absent. */
export type InnerKind = 'text' | 'number' | 'truth' | 'address'

export interface InnerField {
  /** `esxi.user`. */
  readonly name: InnerName
  readonly key: string
  readonly kind: InnerKind
  readonly family: Grammar
  /** In {@link EventView.inner}. */
  readonly slot: number
}

/** The dotted names. */
export type InnerName =
  | `esxi.${keyof typeof Esxi}`
  | `vcenter.${keyof typeof Vcenter}`
  | `nsx.${keyof typeof Nsx}`
  | `vcd.${keyof typeof Vcd}`
  | `cf.${keyof typeof Cf}`
  | `edge.${keyof typeof Edge}`

export interface Family {
  /** The key in the event JSON, and what stands before the dot of a field's name. */
  readonly name: string
  readonly family: Grammar
  readonly fields: readonly InnerField[]
  readonly read: (view: EventView) => void
}

const KINDS: Readonly<Record<string, InnerKind>> = {
  'esxi.cpu': 'number',
  'esxi.source_ip': 'address',
  'esxi.source_port': 'number',
  'vcenter.part': 'number',
  'vcenter.parts': 'number',
  'vcenter.complete': 'truth',
  'nsx.audit': 'truth',
  'nsx.update': 'truth',
  'cf.instance': 'number',
  'cf.cef_severity': 'number',
  'edge.ttl': 'number',
  'edge.id': 'number',
  'edge.icmp_id': 'number',
  'edge.icmp_sequence': 'number',
  'edge.window': 'number',
  'edge.urgent': 'number',
  'edge.payload_length': 'number',
}

function family(
  name: string,
  grammar: Grammar,
  slots: Readonly<Record<string, number>>,
  read: (view: EventView) => void,
): Family {
  const fields = Object.entries(slots).map(([key, slot]): InnerField => {
    const dotted = `${name}.${key}` as InnerName
    return { name: dotted, key, kind: KINDS[dotted] ?? 'text', family: grammar, slot }
  })
  return { name, family: grammar, fields, read }
}

/** All families, in the order of the documentation. */
export const FAMILIES: readonly Family[] = [
  family('esxi', Grammar.esxi, Esxi, readEsxi),
  family('vcenter', Grammar.vcenter, Vcenter, readVcenter),
  family('nsx', Grammar.nsx, Nsx, readNsx),
  family('vcd', Grammar.vcd, Vcd, readVcd),
  family('cf', Grammar.cf, Cf, readCf),
  family('edge', Grammar.nsxv_edge, Edge, readEdge),
]

const by_grammar: readonly (Family | undefined)[] = Object.values(Grammar).map((grammar) =>
  FAMILIES.find((one) => one.family === grammar),
)
const by_name = new Map(
  FAMILIES.flatMap(({ fields }) => fields.map((field) => [field.name as string, field])),
)

/** The family of a grammar; undefined where it has no inner fields. */
export function familyOf(grammar: Grammar): Family | undefined {
  return by_grammar[grammar]
}

/** The field of a dotted name. */
export function innerField(name: string): InnerField | undefined {
  return by_name.get(name)
}

/** Reads the event's inner fields, unless they are. The event's stream must have a family. */
export function readInner(view: EventView): void {
  if (view.inner_read) return
  view.inner.fill(-1)
  view.inner_read = true
  by_grammar[view.family]?.read(view)
}

/** Where {@link findInner} found a value: good until it is called again. */
export interface InnerSpan {
  buf: Buffer
  start: number
  end: number
}

/** Finds a field of the event: false when the event's stream has another family, or the field is absent. */
export function findInner(view: EventView, field: InnerField, found: InnerSpan): boolean {
  if (view.family !== field.family) return false
  readInner(view)
  const start = view.inner[field.slot] as number
  if (start === -1) return false
  const end = view.inner[field.slot + 1] as number
  if (end < 0) findEscaped(view.buf, start, ~end, found)
  else {
    found.buf = start < -1 ? view.inner_alt : view.buf
    found.start = start < -1 ? -2 - start : start
    found.end = end
  }
  return true
}

/** Values without their escapes; grows to the longest. */
let scratch = Buffer.alloc(1024)

function findEscaped(source: Buffer, start: number, end: number, found: InnerSpan): void {
  if (end - start > scratch.length) scratch = Buffer.alloc(2 * (end - start))
  found.buf = scratch
  found.start = 0
  found.end = unescapeInto(source, start, end, scratch)
}
