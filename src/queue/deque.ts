/** A first-in-first-out list whose both ends are cheap and whose memory follows its length. */
export class Deque<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  at(n: number): T | undefined {
    return this.#items[this.#head + n]
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined
    this.#head += 1
    // Amortised: half of the array is moved at most once for each time it was filled.
    if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Takes `item` out wherever it is; false when it is not there. */
  remove(item: T): boolean {
    const at = this.#items.indexOf(item, this.#head)
    if (at === -1) return false
    if (at === this.#head) this.shift()
    else this.#items.splice(at, 1)
    return true
  }

  *[Symbol.iterator](): Generator<T> {
    for (let n = this.#head; n < this.#items.length; n++) yield this.#items[n] as T
  }
}
