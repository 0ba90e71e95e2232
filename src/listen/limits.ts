/** How many connections there are, in all and from each address. Of no address (null): those that count in all only. */
export class ConnectionCounts {
  total = 0
  readonly #by_address = new Map<string, number>()
  readonly #max: number
  readonly #per_address: number

  constructor(max: number, per_address: number) {
    this.#max = max
    this.#per_address = per_address
  }

  /** Which limit one more from `address` would break, or null. */
  over(address: string | null): 'max' | 'per_address' | null {
    if (this.total >= this.#max) return 'max'
    if (address === null) return null
    return (this.#by_address.get(address) ?? 0) >= this.#per_address ? 'per_address' : null
  }

  add(address: string | null): void {
    this.total++
    if (address === null) return
    this.#by_address.set(address, (this.#by_address.get(address) ?? 0) + 1)
  }

  remove(address: string | null): void {
    this.total--
    if (address === null) return
    const left = (this.#by_address.get(address) ?? 1) - 1
    if (left === 0) this.#by_address.delete(address)
    else this.#by_address.set(address, left)
  }
}
