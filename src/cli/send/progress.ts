/** What `send` shows while it works: a bar where the end is known, else the count. */

const WIDTH = 30
const EVERY_MS = 100

/** A line of progress. `part`: 0 to 1, or null when nobody knows how much there is. */
export function progressLine(messages: number, seconds: number, part: number | null): string {
  const rate = seconds > 0 ? Math.round(messages / seconds) : 0
  const count = `${messages} messages, ${rate} a second`
  if (part === null) return count
  const full = Math.round(Math.min(1, Math.max(0, part)) * WIDTH)
  return `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}] ${Math.floor(part * 100)}% ${count}`
}

/** The bar on a terminal; silent elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #began: number
  #last = Number.NEGATIVE_INFINITY
  #shown = false

  constructor(stream: NodeJS.WriteStream, now: number) {
    this.#stream = stream
    this.#began = now
  }

  show(messages: number, part: number | null, now: number): void {
    if (!this.#stream.isTTY || now - this.#last < EVERY_MS) return
    this.#last = now
    this.#shown = true
    this.#stream.write(`\r\u001b[K${progressLine(messages, (now - this.#began) / 1000, part)}`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\u001b[K')
    this.#shown = false
  }
}
