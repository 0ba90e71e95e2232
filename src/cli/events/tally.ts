/** How often texts were seen, in bounded memory: the most frequent of any number are found, rare ones may be forgotten. */

interface Counted {
  text: string
  count: number
}

/**
 * "Space saving" (Metwally, Agrawal, El Abbadi 2005): when it is full, a new text takes the place of the rarest and goes on
 * from its count. Counts are never too low, and too high by at most what was forgotten ({@link Tally.exact} says whether any was).
 */
export class Tally {
  readonly #max: number
  /** No count is lower: the search for the rarest ends there, mostly at once, since the oldest come first. */
  #least = 1
  readonly #counts = new Map<string, Counted>()
  /** Nothing was forgotten: all counts are right. */
  exact = true

  constructor(max: number) {
    this.#max = max
  }

  add(text: string): void {
    const known = this.#counts.get(text)
    if (known !== undefined) known.count += 1
    else if (this.#counts.size < this.#max) this.#counts.set(text, { text, count: 1 })
    else this.#replaceRarest(text)
  }

  /** How many different texts are known now. */
  get size(): number {
    return this.#counts.size
  }

  /** The most frequent first. */
  top(count: number): readonly { readonly text: string; readonly count: number }[] {
    const all = [...this.#counts.values()].toSorted((a, b) => b.count - a.count)
    return all.slice(0, count)
  }

  #replaceRarest(text: string): void {
    this.exact = false
    let rarest: Counted | undefined
    for (const one of this.#counts.values()) {
      if (rarest === undefined || one.count < rarest.count) rarest = one
      if (rarest.count <= this.#least) break
    }
    if (rarest === undefined) return
    this.#least = rarest.count
    this.#counts.delete(rarest.text)
    this.#counts.set(text, { text, count: rarest.count + 1 })
  }
}
