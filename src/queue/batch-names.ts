/**
 * The names part of a written batch: what the numbers in its index stand for, so that a batch can be
 * encoded long after the rules that numbered it are gone. Layout: `batch-format.ts`, {@link NameKind}.
 */
import { Buffer } from 'node:buffer'
import { NAME_HEAD, NameKind } from './batch-format.ts'
import { BatchDamaged } from './batch-damaged.ts'
import type { Batch, BatchNames, OwnerName, SourceName } from './batch.ts'

const TEXT_MAX = 0xffff
const PEER_MAX = 0xffff
const NO_STREAM = 'other'

/** Names ready to be written; `bytes` is their size without padding. */
export interface CollectedNames {
  readonly kinds: readonly NameKind[]
  readonly numbers: readonly number[]
  readonly texts: readonly Buffer[]
  readonly bytes: number
}

class Collector implements CollectedNames {
  readonly kinds: NameKind[] = []
  readonly numbers: number[] = []
  readonly texts: Buffer[] = []
  bytes = 0

  add(kind: NameKind, number: number, text: Buffer): void {
    this.kinds.push(kind)
    this.numbers.push(number)
    this.texts.push(text)
    this.bytes += NAME_HEAD + text.length
  }
}

/** The names of exactly the numbers that occur in the batch's index, and of its forwarder. */
export function collectNames(batch: Batch): CollectedNames {
  const names = new Collector()
  names.add(NameKind.forwarder, 0, plain(batch.identity.forwarder))
  for (const id of occurring(batch, (n) => batch.stream(n)))
    names.add(NameKind.stream, id, plain(batch.names.stream(id)))
  for (const id of occurring(batch, (n) => batch.owner(n)))
    addObject(names, NameKind.owner, id, batch.names.owner(id))
  for (const id of occurring(batch, (n) => batch.peerNumber(n)))
    names.add(NameKind.peer, id, plain(batch.peers[id] ?? ''))
  for (const id of occurring(batch, (n) => batch.listener(n))) {
    names.add(NameKind.listener, id, plain(batch.names.listener(id)))
  }
  for (const id of occurring(batch, (n) => batch.source(n)))
    addObject(names, NameKind.source, id, batch.names.source(id))
  return names
}

/** Writes what {@link collectNames} found at `at`. */
export function writeNames(out: Buffer, at: number, names: CollectedNames): void {
  for (let i = 0; i < names.kinds.length; i++) {
    const text = names.texts[i] as Buffer
    out.writeUInt8(names.kinds[i] as number, at)
    out.writeUInt8(0, at + 1)
    out.writeUInt16LE(text.length, at + 2)
    out.writeUInt32LE(names.numbers[i] as number, at + 4)
    out.set(text, at + NAME_HEAD)
    at += NAME_HEAD + text.length
  }
}

/** Names read from a batch. A number without a name gives the neutral answer, as an unknown one would. */
export class StoredNames implements BatchNames {
  forwarder = ''
  readonly peers: string[] = []
  readonly streams = new Map<number, string>()
  readonly listeners = new Map<number, string>()
  readonly owners = new Map<number, OwnerName>()
  readonly sources = new Map<number, SourceName>()

  stream(id: number): string {
    return this.streams.get(id) ?? NO_STREAM
  }

  owner(id: number): OwnerName | null {
    return this.owners.get(id) ?? null
  }

  listener(id: number): string {
    return this.listeners.get(id) ?? ''
  }

  source(id: number): SourceName | null {
    return this.sources.get(id) ?? null
  }
}

/**
 * Reads the names in `all[from, to)`. Kinds that are not known are skipped: they can only come from a later
 * release that kept the version, and nothing in the index of this one refers to them.
 * @throws {BatchDamaged} when an entry passes the end, or a text is not what its kind asks for.
 */
export function readNames(all: Buffer, from: number, to: number): StoredNames {
  const names = new StoredNames()
  let at = from
  while (at < to) {
    if (at + NAME_HEAD > to) throw new BatchDamaged('names', 'a name is cut')
    const end = at + NAME_HEAD + all.readUInt16LE(at + 2)
    if (end > to) throw new BatchDamaged('names', 'a name passes the end of the names')
    const text = all.toString('utf8', at + NAME_HEAD, end)
    readName(names, all.readUInt8(at), all.readUInt32LE(at + 4), text)
    at = end
  }
  return names
}

function readName(names: StoredNames, kind: number, number: number, text: string): void {
  if (kind === NameKind.forwarder) names.forwarder = text
  else if (kind === NameKind.stream) names.streams.set(number, text)
  else if (kind === NameKind.listener) names.listeners.set(number, text)
  else if (kind === NameKind.owner) names.owners.set(number, readOwner(text))
  else if (kind === NameKind.source) names.sources.set(number, readSource(text))
  else if (kind === NameKind.peer) {
    if (number > PEER_MAX) throw new BatchDamaged('names', 'a peer number is too high')
    while (names.peers.length < number) names.peers.push('')
    names.peers[number] = text
  }
}

function readOwner(text: string): OwnerName {
  const value = readObject(text)
  if (typeof value['tenant'] !== 'string' || !isObject(value['owner'])) {
    throw new BatchDamaged('names', 'an owner has no tenant')
  }
  return value as unknown as OwnerName
}

function readSource(text: string): SourceName {
  const value = readObject(text)
  if (typeof value['name'] !== 'string') throw new BatchDamaged('names', 'a source has no name')
  return value as unknown as SourceName
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Falls through to the one answer below.
  }
  throw new BatchDamaged('names', 'a name is not a JSON object')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Distinct values of one column, in the order they appear. Runs of equal values cost a comparison each. */
function occurring(batch: Batch, column: (this: Batch, n: number) => number): Iterable<number> {
  if (batch.events === 0) return []
  const first = column.call(batch, 0)
  const found = new Set([first])
  let last = first
  for (let n = 1; n < batch.events; n++) {
    const id = column.call(batch, n)
    if (id === last) continue
    last = id
    found.add(id)
  }
  return found
}

/** Rule sets hand out the same object for the same number, so its text is made once. */
const object_texts = new WeakMap<object, Buffer>()

function addObject(names: Collector, kind: NameKind, id: number, value: OwnerName | SourceName | null): void {
  if (value === null) return
  let text = object_texts.get(value)
  if (text === undefined) {
    text = Buffer.from(JSON.stringify(value))
    object_texts.set(value, text)
  }
  // A name of 64 KiB cannot come from checked rules; leaving it out costs a label, not the batch.
  if (text.length <= TEXT_MAX) names.add(kind, id, text)
}

/** Cut names are only ever shown; {@link TEXT_MAX} is far above what the configuration allows. */
function plain(text: string): Buffer {
  const bytes = Buffer.from(text)
  return bytes.length <= TEXT_MAX ? bytes : bytes.subarray(0, TEXT_MAX)
}
