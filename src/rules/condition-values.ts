/**
 * Fields of an event as numbers, each read at most once however many conditions ask for it: short words as two integers,
 * numbers, IPv4 addresses. What a condition compares with is made of the same numbers when it is compiled, so that a
 * comparison needs no bytes.
 */
import { type EventView, Fw } from '../classify/view.ts'
import { Address, parseAddress } from './cidr.ts'
import { bytesNumber } from './conditions-bytes.ts'
import { facilityOf, severityOf } from './conditions-fields.ts'
import type { ConditionField } from './plan.ts'

/** Bytes of a word; longer texts are compared as bytes. */
export const WORD_MAX = 8
/** Numbers from here on are one: bounds are below it, or there is none. */
export const NUMBER_MAX = 0x7fffffff

type Kind = 'word' | 'number' | 'address'

interface Known {
  readonly field: ConditionField
  readonly kind: Kind
  /** Slot of a firewall field; -1: of the header. */
  readonly slot: number
}

const slots = (kind: Kind, of: Readonly<Record<string, number>>): Known[] =>
  Object.entries(of).map(([name, slot]) => ({ field: `firewall.${name}` as ConditionField, kind, slot }))

const { event, action, direction, protocol, rule_id, tcp_flags, close, ruleset, interface: vnic } = Fw
const { source_port, destination_port, length, icmp_type, icmp_code, source_ip, destination_ip } = Fw
const { packets_in, packets_out, bytes_in, bytes_out } = Fw
const words = { event, action, direction, protocol, rule_id, tcp_flags, close, ruleset, interface: vnic }
const counts = { length, icmp_type, icmp_code, packets_in, packets_out, bytes_in, bytes_out }

const KNOWN: readonly Known[] = [
  ...slots('word', words),
  ...slots('number', { source_port, destination_port, ...counts }),
  ...slots('address', { source_ip, destination_ip }),
  { field: 'app_name', kind: 'word', slot: -1 },
  { field: 'severity', kind: 'number', slot: -1 },
  { field: 'facility', kind: 'number', slot: -1 },
]
const APP = KNOWN.findIndex(({ field }) => field === 'app_name')
const SEVERITY = KNOWN.findIndex(({ field }) => field === 'severity')

/** Either end. */
const EITHER: Readonly<Partial<Record<ConditionField, readonly ConditionField[]>>> = {
  'firewall.port': ['firewall.source_port', 'firewall.destination_port'],
  'firewall.address': ['firewall.source_ip', 'firewall.destination_ip'],
}

export interface ValueField {
  readonly kind: Kind
  /** Numbers of fields: one that fits is enough. */
  readonly of: readonly number[]
}

/** How a field is asked here; undefined: it is not. */
export function valueField(field: ConditionField): ValueField | undefined {
  const of = (EITHER[field] ?? [field]).map((one) => KNOWN.findIndex((known) => known.field === one))
  const kind = KNOWN[of[0] ?? -1]?.kind
  return kind === undefined || of.includes(-1) ? undefined : { kind, of }
}

/** A text as a word: its bytes in two integers, the first lowest; undefined: it is empty or too long. */
export function wordOf(
  text: string,
): { readonly low: number; readonly high: number; readonly length: number } | undefined {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length === 0 || bytes.length > WORD_MAX) return undefined
  return {
    low: fourBytes(bytes, 0, bytes.length),
    high: fourBytes(bytes, 4, bytes.length),
    length: bytes.length,
  }
}

function fourBytes(buf: Uint8Array, from: number, end: number): number {
  let value = 0
  for (let at = from, shift = 0; shift < 32 && at < end; at++, shift += 8)
    value |= (buf[at] as number) << shift
  return value
}

/** Values of the event at hand; see the module. */
export class FieldValues {
  /** Event that the values of a field are of. */
  readonly of: Int32Array = new Int32Array(KNOWN.length)
  /** Words: length, -1: absent. Addresses: 4, or 0 for anything else. */
  readonly sizes: Int32Array = new Int32Array(KNOWN.length)
  /** First bytes of a word, or an IPv4 address. */
  readonly lows: Int32Array = new Int32Array(KNOWN.length)
  readonly highs: Int32Array = new Int32Array(KNOWN.length)
  /** -1: absent, or no number. */
  readonly numbers: Int32Array = new Int32Array(KNOWN.length)
  readonly #address = new Address()
  readonly #kinds = KNOWN.map(({ kind }) => kind)
  readonly #slots = Int32Array.from(KNOWN, ({ slot }) => slot)

  /** Reads a field of the event with that number. */
  read(field: number, view: EventView, number: number): void {
    this.of[field] = number
    const kind = this.#kinds[field]
    const slot = this.#slots[field] as number
    if (slot < 0) return this.#header(field, view)
    const start = view.grammar === 0 ? -1 : (view.fw[slot] as number)
    const end = view.fw[slot + 1] as number
    if (kind === 'word') this.#word(field, view.buf, start, end)
    else if (kind === 'number') this.numbers[field] = Math.min(NUMBER_MAX, bytesNumber(view.buf, start, end))
    else this.#addressAt(field, view.buf, start, end)
  }

  #header(field: number, view: EventView): void {
    if (field === APP) this.#word(field, view.buf, view.app_start, view.app_end)
    else this.numbers[field] = field === SEVERITY ? severityOf(view) : facilityOf(view)
  }

  #word(field: number, buf: Uint8Array, start: number, end: number): void {
    const size = start < 0 ? -1 : end - start
    this.sizes[field] = size
    if (size <= 0 || size > WORD_MAX) return
    this.lows[field] = fourBytes(buf, start, end)
    this.highs[field] = fourBytes(buf, start + 4, end)
  }

  #addressAt(field: number, buf: Uint8Array, start: number, end: number): void {
    const address = this.#address
    const four = start >= 0 && parseAddress(buf, start, end, address) && address.family === 4
    this.sizes[field] = four ? 4 : 0
    this.lows[field] = address.words[3] as number
  }

  /** No event that comes has been read. */
  forget(): void {
    this.of.fill(0)
  }
}
