/** Spans of one event that are to be replaced, gathered in any order, then read from left to right without overlap. */

/** More than this in one event, and all behind its header is replaced as one; in its header alone, and all of it is. */
export const MARKS_MAX = 512

/** Number of the replacer that stands for whatever it is: where two replacements meet, neither is right. */
export const WHOLE = 0

export class EditMarks {
  count = 0
  readonly starts: Int32Array = new Int32Array(MARKS_MAX + 1)
  readonly ends: Int32Array = new Int32Array(MARKS_MAX + 1)
  /** Numbers of replacers. */
  readonly kinds: Uint16Array = new Uint16Array(MARKS_MAX + 1)
  #start = 0
  /** Where the header ends. */
  #body = 0
  #overflow = false
  /** The header alone has too many: a sender's doing, and not a byte of such an event is shown. */
  #whole = false

  /** `start`: of the frame; `body`: where its header ends. */
  begin(start: number, body: number): void {
    this.count = 0
    this.#start = start
    this.#body = body
    this.#overflow = false
    this.#whole = false
  }

  add(start: number, end: number, kind: number): void {
    if (this.#hidden(start)) return
    if (this.count >= MARKS_MAX) this.#giveUpBody()
    if (this.#hidden(start)) return
    const n = this.count
    this.starts[n] = start
    this.ends[n] = end
    this.kinds[n] = kind
    this.count = n + 1
  }

  #hidden(start: number): boolean {
    return this.#whole || (this.#overflow && start >= this.#body)
  }

  /** Only the header's marks stay. There are few of them, unless a name in it was made to repeat. */
  #giveUpBody(): void {
    this.#overflow = true
    let kept = 0
    for (let n = 0; n < this.count; n++) {
      if ((this.starts[n] as number) >= this.#body) continue
      this.#move(n, kept)
      kept += 1
    }
    this.count = kept
    this.#whole = kept >= MARKS_MAX
  }

  /**
   * Sorts, and makes one of those that overlap: what lies inside another is gone with it, and what meets half-way, or
   * lies inside one that would show a part (`partial`), is replaced as a whole. `end`: of the frame.
   */
  settle(end: number, partial: (kind: number) => boolean): void {
    if (this.#whole) {
      this.#whole = false
      this.#overflow = false
      this.count = 0
      this.add(this.#start, end, WHOLE)
    } else if (this.#overflow) {
      this.#overflow = false
      this.add(this.#body, end, WHOLE)
    }
    this.#sort()
    let last = -1
    for (let n = 0; n < this.count; n++) {
      const start = this.starts[n] as number
      const stop = this.ends[n] as number
      if (last < 0 || start >= (this.ends[last] as number)) {
        last += 1
        this.#move(n, last)
        continue
      }
      const inside = stop <= (this.ends[last] as number)
      const same = inside && start === this.starts[last] && stop === this.ends[last]
      if (!inside || (!same && partial(this.kinds[last] as number))) this.kinds[last] = WHOLE
      if (same && partial(this.kinds[last] as number)) this.kinds[last] = this.kinds[n] as number
      if (!inside) this.ends[last] = stop
    }
    this.count = last + 1
  }

  #move(from: number, to: number): void {
    this.starts[to] = this.starts[from] as number
    this.ends[to] = this.ends[from] as number
    this.kinds[to] = this.kinds[from] as number
  }

  /** By start, the longer one first: most come in order already. */
  #sort(): void {
    for (let n = 1; n < this.count; n++) {
      const start = this.starts[n] as number
      const end = this.ends[n] as number
      const kind = this.kinds[n] as number
      let at = n
      while (at > 0 && this.#after(at - 1, start, end)) {
        this.#move(at - 1, at)
        at -= 1
      }
      this.starts[at] = start
      this.ends[at] = end
      this.kinds[at] = kind
    }
  }

  #after(n: number, start: number, end: number): boolean {
    const other = this.starts[n] as number
    return other > start || (other === start && (this.ends[n] as number) < end)
  }
}
