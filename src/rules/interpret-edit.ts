/** What a forwarder makes of an event, over texts: for replacements that do not overlap. Nothing runs on it. */
import { createHmac } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { EditPlan, RedactField, Replacement } from './edit-plan.ts'

/** A frame as a byte string, and where its fields stand in it. */
export interface PlainFrame {
  readonly bytes: string
  readonly spans: Readonly<Partial<Record<RedactField, readonly [number, number]>>>
}

/** The frame with every field of `redact` replaced. */
export function interpretEdit(edit: EditPlan, { bytes, spans }: PlainFrame, key: string): string {
  const scope = createHmac('sha256', key).update(`logweir redaction\n${edit.scope}`).digest()
  const pieces: { from: number; to: number; text: string }[] = []
  for (const { fields, how } of edit.redact) {
    for (const field of fields) {
      const [from, to] = spans[field] ?? [-1, -1]
      if (from < 0 || to === from) continue
      pieces.push({ from, to, text: replacement(field, bytes.slice(from, to), how, scope) })
    }
  }
  let out = ''
  let at = 0
  for (const { from, to, text } of pieces.toSorted((a, b) => a.from - b.from)) {
    if (from < at) throw new Error('replacements overlap')
    out += bytes.slice(at, from) + text
    at = to
  }
  return out + bytes.slice(at)
}

function hmac(scope: Buffer, bytes: Buffer): string {
  return createHmac('sha256', scope).update(bytes).digest('hex')
}

function replacement(field: RedactField, bytes: string, how: Replacement, scope: Buffer): string {
  if (field.endsWith('_ip')) return addressReplacement(bytes, how, scope)
  switch (how.kind) {
    case 'with':
      return how.text ?? (field.endsWith('_port') || field.endsWith('rule_id') ? '0' : 'redacted')
    case 'hash': {
      const hash = hmac(scope, Buffer.from(bytes, 'latin1'))
      if (field === 'hostname') return `host-${hash.slice(0, 8)}`
      if (field !== 'firewall.rule_id') return `h${hash.slice(0, 16)}`
      return String(1_000_000_000 + (Number.parseInt(hash.slice(0, 10), 16) % 9_000_000_000))
    }
    case 'keep': {
      // A byte that begins no character is a part of the one before.
      const characters = bytes.match(/[^\u0080-\u00bf][\u0080-\u00bf]*|^[\u0080-\u00bf]+/g) ?? []
      const { length } = characters
      const { first, last } = how
      if (length <= first + last) return '*'.repeat(length)
      return characters.map((one, n) => (n < first || n >= length - last ? one : '*')).join('')
    }
    case 'network':
      return bytes
  }
}

function addressReplacement(text: string, how: Replacement, scope: Buffer): string {
  if (how.kind === 'with' && how.text !== null) return how.text
  const groups = isIPv4(text) ? text.split('.').map(Number) : isIPv6(text) ? sixGroups(text) : undefined
  if (groups === undefined) return '0.0.0.0'
  const four = groups.length === 4
  const size = four ? 8 : 16
  const bits = groups.map((group) => group.toString(2).padStart(size, '0')).join('')
  let kept = ''
  if (how.kind === 'network') kept = bits.slice(0, four ? how.ipv4 : how.ipv6)
  if (how.kind === 'hash') {
    const canonical = Buffer.from([four ? 4 : 6, ...bytesOf(bits.padStart(128, '0'))])
    const hash = [...Buffer.from(hmac(scope, canonical), 'hex')]
      .map((byte) => byte.toString(2).padStart(8, '0'))
      .join('')
    // 240.0.0.0/4 and fd00::/8; of the second, the first eighty bits of the hash.
    kept = four ? `1111${hash.slice(4, 32)}` : `11111101${hash.slice(8, 80)}`
  }
  const all = kept.padEnd(bits.length, '0')
  const parts = Array.from({ length: groups.length }, (_, n) =>
    Number.parseInt(all.slice(n * size, (n + 1) * size), 2),
  )
  if (four) return parts.join('.')
  return parts.every((part) => part === 0) ? '::' : parts.map((part) => part.toString(16)).join(':')
}

function bytesOf(bits: string): number[] {
  return Array.from({ length: bits.length / 8 }, (_, n) => Number.parseInt(bits.slice(n * 8, n * 8 + 8), 2))
}

function sixGroups(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  if (tail === undefined) return groups(head)
  const [before, behind] = [groups(head), groups(tail)]
  return [...before, ...Array.from({ length: 8 - before.length - behind.length }, () => 0), ...behind]
}
