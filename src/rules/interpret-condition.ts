/** A condition over an event's fields as texts. */
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { innerField } from '../classify/inner.ts'
import type { Condition, ConditionField } from './plan.ts'

/** Absent fields are left out. Numbers are as written in the event; what repeats is a list. */
export type PlainFields = Readonly<Partial<Record<ConditionField, string | readonly string[]>>>

const NUMBERS: readonly ConditionField[] = [
  'severity',
  'facility',
  'firewall.source_port',
  'firewall.destination_port',
  'firewall.port',
  'firewall.length',
  'firewall.icmp_type',
  'firewall.icmp_code',
  'firewall.packets_in',
  'firewall.packets_out',
  'firewall.bytes_in',
  'firewall.bytes_out',
  'firewall.repeated',
  'firewall.ip_version',
  'version',
  'received_at',
  'timestamp',
]

/** Whether the condition holds. */
export function interpretCondition(condition: Condition, fields: PlainFields): boolean {
  if (condition.op === 'not') return !interpretCondition(condition.of, fields)
  if (condition.op === 'use') return interpretCondition(condition.of, fields)
  if (condition.op === 'all') return condition.of.every((inner) => interpretCondition(inner, fields))
  if (condition.op === 'any') return condition.of.some((inner) => interpretCondition(inner, fields))
  if (!('field' in condition)) return false
  const values = valuesOf(condition.field, fields)
  if (condition.op === 'exists') return values.length > 0 === condition.present
  return values.some((value) => holds(condition, value))
}

/** Either end for `address` and `port`. */
function valuesOf(field: ConditionField, fields: PlainFields): string[] {
  const names: readonly ConditionField[] =
    field === 'firewall.address'
      ? ['firewall.source_ip', 'firewall.destination_ip']
      : field === 'firewall.port'
        ? ['firewall.source_port', 'firewall.destination_port']
        : [field]
  return names.flatMap((name) => fields[name] ?? [])
}

type Comparison = Exclude<Extract<Condition, { readonly field: ConditionField }>, { readonly op: 'exists' }>

function holds(condition: Comparison, value: string): boolean {
  switch (condition.op) {
    case 'equals':
      return condition.values.some((wanted) => equal(condition.field, wanted, value))
    case 'contains':
      return condition.values.some((wanted) => value.includes(wanted))
    case 'starts_with':
      return condition.values.some((wanted) => value.startsWith(wanted))
    case 'ends_with':
      return condition.values.some((wanted) => value.endsWith(wanted))
    case 'matches':
      return condition.values.some((wanted) => new RegExp(wanted).test(value))
    case 'between':
      return (
        /^\d{1,15}$/.test(value) &&
        condition.ranges.some(([from, to]) => Number(value) >= from && Number(value) <= to)
      )
    case 'network':
      return condition.networks.some((network) => inside(network, value))
  }
}

function equal(field: ConditionField, wanted: string, value: string): boolean {
  if (NUMBERS.includes(field) || innerField(field)?.kind === 'number')
    return /^(0|[1-9]\d{0,14})$/.test(wanted) && Number(wanted) === Number(value)
  if (field.endsWith('_ip') || field === 'firewall.address') return wanted === value || inside(wanted, value)
  return wanted === value
}

function inside(network: string, address: string): boolean {
  const [net = '', bits] = network.split('/')
  const family = isIPv4(net) ? 'ipv4' : 'ipv6'
  if (!(family === 'ipv4' ? isIPv4(address) : isIPv6(address))) return false
  const list = new BlockList()
  list.addSubnet(net, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
  return list.check(address, family)
}
