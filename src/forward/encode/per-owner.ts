/** What stream and owner add to an event, made once for each pair of them. */
import type { Buffer } from 'node:buffer'
import type { Batch, BatchNames } from '../../queue/batch.ts'

/** Pairs beyond this are not remembered, only made again. */
const PAIRS_MAX = 4096
const STREAMS = 65_536

export class PerOwner {
  readonly #make: (names: BatchNames, stream: number, owner: number) => Buffer
  readonly #made = new Map<number, Buffer>()
  #names: BatchNames | undefined
  #last_key = -1
  #last: Buffer | undefined

  constructor(make: (names: BatchNames, stream: number, owner: number) => Buffer) {
    this.#make = make
  }

  of(batch: Batch, stream: number, owner: number): Buffer {
    if (batch.names !== this.#names) {
      this.#names = batch.names
      this.#made.clear()
      this.#last = undefined
    }
    const key = owner * STREAMS + stream
    if (key === this.#last_key && this.#last !== undefined) return this.#last
    let made = this.#made.get(key)
    if (made === undefined) {
      made = this.#make(batch.names, stream, owner)
      if (this.#made.size < PAIRS_MAX) this.#made.set(key, made)
    }
    this.#last_key = key
    this.#last = made
    return made
  }
}

/** Stands for the tenant of events that are nobody's. No tenant's name begins so. */
export const NOBODY = '_orphans'

/** `{tenant}` and `{stream}` in a text of the settings. */
export function expand(template: string, names: BatchNames, stream: number, owner: number): string {
  return template
    .replaceAll('{tenant}', names.owner(owner)?.tenant ?? NOBODY)
    .replaceAll('{stream}', names.stream(stream))
}

/** Flat fields that say whose an event is and of which stream; what is not known is left out. */
export function ownerFields(names: BatchNames, stream: number, owner: number): Record<string, string> {
  const found = names.owner(owner)
  const whose = found?.owner
  const fields: Readonly<Record<string, string | null | undefined>> = {
    stream: names.stream(stream),
    tenant: found?.tenant,
    org: whose?.org?.name ?? whose?.org?.id,
    org_id: whose?.org?.id,
    org_vdc: whose?.org_vdc?.name,
    org_vdc_id: whose?.org_vdc?.id,
    data_center_group: whose?.data_center_group?.name,
    data_center_group_id: whose?.data_center_group?.id,
    gateway: whose?.gateway?.name,
    gateway_id: whose?.gateway?.id,
  }
  const known: Record<string, string> = {}
  for (const [key, value] of Object.entries(fields))
    if (value !== null && value !== undefined) known[key] = value
  return known
}
