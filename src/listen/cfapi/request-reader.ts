/**
 * The body of an ingestion request, event by event: `{"events":[…]}`, `{"messages":[…]}` (the old alias) and the bare
 * list of `/api/v2/events`, whose events are flat objects. Keys that are not known are passed over where the form
 * has fields of its own, and are fields where it has not. Whatever is wrong refuses the body as a whole.
 */
import type { Buffer } from 'node:buffer'
import { CfapiEvent, FieldSlot, FIELDS_MAX, RAW } from './event.ts'
import { JsonError, JsonScanner, Style } from './json-scanner.ts'

const OPEN = 0x5b
const CLOSE = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const QUOTE = 0x22
/** Beyond this a number of milliseconds is no date. */
const STAMP_MAX = 8.64e15

/** The request is JSON, but not what the API takes. `message` is what a client reads. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError'
}

/** See the module. One is used again for body after body. */
export class RequestReader {
  readonly event = new CfapiEvent()
  /** Events read so far. */
  events = 0
  readonly #scan = new JsonScanner()
  /** The body is a bare list: events are flat. */
  #flat = false
  #begun = false
  /** Inside a list of events; before its first one while `#first`. */
  #inside = false
  #first = false
  #over = false

  begin(body: Buffer): void {
    this.#scan.reset(body)
    this.events = 0
    this.#flat = false
    this.#begun = false
    this.#inside = false
    this.#first = false
    this.#over = false
  }

  /**
   * Reads the next event into {@link event}; false: there are no more and the body is wholly read.
   * @throws JsonError when the body is no JSON, ShapeError when it is not this API's.
   */
  next(): boolean {
    if (!this.#begun) this.#open()
    const scan = this.#scan
    for (;;) {
      if (this.#over) return this.#end()
      if (!this.#inside) {
        this.#findList()
        continue
      }
      const more = this.#first ? !scan.accept(CLOSE) : scan.another(CLOSE)
      this.#first = false
      if (more) break
      this.#inside = false
      this.#over = this.#flat || !scan.another(CLOSE_BRACE)
    }
    this.#readEvent()
    this.events += 1
    return true
  }

  /** Where the reader stands, for messages. */
  get offset(): number {
    return this.#scan.p
  }

  #open(): void {
    const scan = this.#scan
    this.#begun = true
    const c = scan.peek()
    if (c === OPEN) {
      this.#flat = true
      scan.p += 1
      this.#enter()
      return
    }
    if (c !== OPEN_BRACE) this.#not('the body is neither an object nor a list')
    scan.p += 1
    if (scan.accept(CLOSE_BRACE)) this.#over = true
  }

  #enter(): void {
    this.#inside = true
    this.#first = true
  }

  /** Goes on to the next `events` or `messages` of the outer object, or to its end. */
  #findList(): void {
    const scan = this.#scan
    scan.key()
    if (this.#is('events') || this.#is('messages')) {
      if (scan.acceptNull()) {
        this.#over = !scan.another(CLOSE_BRACE)
        return
      }
      if (scan.peek() !== OPEN) this.#not('the events are not a list')
      scan.p += 1
      this.#enter()
      return
    }
    scan.value()
    this.#over = !scan.another(CLOSE_BRACE)
  }

  #end(): boolean {
    if (this.#scan.peek() !== -1) throw new JsonError('something follows the end of the JSON', this.#scan.p)
    return false
  }

  // ---- one event ---------------------------------------------------------------------------------

  #readEvent(): void {
    const scan = this.#scan
    const { event } = this
    event.clear()
    if (scan.peek() !== OPEN_BRACE) this.#not(`event ${this.events} is not an object`)
    scan.p += 1
    if (scan.accept(CLOSE_BRACE)) return
    do {
      scan.key()
      if (this.#is('text')) this.#readText()
      else if (this.#is('timestamp')) this.#readStamp()
      else if (this.#is('fields')) this.#readFields()
      else if (this.#flat) this.#readFlat()
      else scan.value()
    } while (scan.another(CLOSE_BRACE))
  }

  #readText(): void {
    const scan = this.#scan
    const { event } = this
    if (scan.acceptNull()) return
    if (scan.peek() !== QUOTE) this.#not(`the text of event ${this.events} is not a string`)
    scan.string()
    event.text_start = scan.start
    event.text_end = scan.stop
    event.text_style = scan.style
  }

  /** A whole number of milliseconds, also as a string; any other text is a field of that name. */
  #readStamp(): void {
    const scan = this.#scan
    const name_start = scan.start
    const name_end = scan.stop
    if (scan.acceptNull()) return
    const c = scan.peek()
    const quoted = c === QUOTE
    if (c >= 0x30 && c <= 0x39) {
      const ms = scan.number()
      if (ms <= STAMP_MAX) {
        this.event.timestamp = Math.floor(ms)
        return
      }
    } else scan.value()
    const digits = scan.buf.toString('latin1', scan.start, Math.min(scan.stop, scan.start + 32))
    const value = digits.trim() === '' ? Number.NaN : Number(digits)
    if (Math.abs(value) <= STAMP_MAX) {
      this.event.timestamp = Math.floor(value)
      return
    }
    if (!quoted) this.#not(`the timestamp of event ${this.events} is no number of milliseconds`)
    const at = this.#newField()
    const { fields } = this.event
    fields[at + FieldSlot.name_start] = name_start
    fields[at + FieldSlot.name_end] = name_end
    fields[at + FieldSlot.name_style] = Style.plain
    this.#setValue(at)
  }

  #newField(): number {
    const at = this.event.add()
    if (at < 0) this.#not(`event ${this.events} has more than ${FIELDS_MAX} fields`)
    return at
  }

  /** A key of a flat event that is none of the API's. */
  #readFlat(): void {
    const scan = this.#scan
    const at = this.#newField()
    const { fields } = this.event
    fields[at + FieldSlot.name_start] = scan.start
    fields[at + FieldSlot.name_end] = scan.stop
    fields[at + FieldSlot.name_style] = scan.style
    this.#readValue(at)
  }

  #readFields(): void {
    const scan = this.#scan
    if (scan.peek() !== OPEN) {
      if (scan.acceptNull()) return
      if (this.#flat) return this.#readFlat()
      this.#not(`the fields of event ${this.events} are not a list`)
    }
    scan.p += 1
    if (scan.accept(CLOSE)) return
    do {
      this.#readField()
    } while (scan.another(CLOSE))
  }

  #readField(): void {
    const scan = this.#scan
    if (scan.peek() !== OPEN_BRACE) this.#not(`a field of event ${this.events} is not an object`)
    scan.p += 1
    const at = this.#newField()
    const { fields } = this.event
    if (!scan.accept(CLOSE_BRACE)) {
      do {
        scan.key()
        this.#readMember(at)
      } while (scan.another(CLOSE_BRACE))
    }
    if (
      fields[at + FieldSlot.name_start] === -1 ||
      fields[at + FieldSlot.name_start] === fields[at + FieldSlot.name_end]
    )
      this.#not(`a field of event ${this.events} has no name`)
  }

  /** One member of a field, behind its key. Keys are told apart by their length first. */
  #readMember(at: number): void {
    const scan = this.#scan
    const { fields } = this.event
    const length = scan.stop - scan.start
    if (length === 4 && this.#is('name')) {
      if (scan.peek() !== QUOTE) this.#not(`a field's name of event ${this.events} is not a string`)
      scan.string()
      fields[at + FieldSlot.name_start] = scan.start
      fields[at + FieldSlot.name_end] = scan.stop
      fields[at + FieldSlot.name_style] = scan.style
    } else if (length === 7 && this.#is('content')) this.#readValue(at)
    else if (length === 13 && this.#is('startPosition')) fields[at + FieldSlot.position] = this.#readCount()
    else if (length === 6 && this.#is('length')) fields[at + FieldSlot.length] = this.#readCount()
    else scan.value()
  }

  /** A value of any kind; null is none. */
  #readValue(at: number): void {
    const scan = this.#scan
    if (scan.acceptNull()) return
    const quoted = scan.peek() === QUOTE
    scan.value()
    this.#setValue(at)
    if (!quoted) this.event.fields[at + FieldSlot.value_style] = RAW
  }

  #setValue(at: number): void {
    const scan = this.#scan
    const { fields } = this.event
    fields[at + FieldSlot.value_start] = scan.start
    fields[at + FieldSlot.value_end] = scan.stop
    fields[at + FieldSlot.value_style] = scan.style
  }

  /** A position or length: what is not a whole number from 0 is one that no text has. */
  #readCount(): number {
    const scan = this.#scan
    if (scan.acceptNull()) return -1
    const c = scan.peek()
    if (c !== 0x2d && (c < 0x30 || c > 0x39))
      this.#not(`a field's position of event ${this.events} is not a number`)
    const value = scan.number()
    return Number.isInteger(value) && value >= 0 && value < 0x7fffffff ? value : 0x7fffffff
  }

  /** It is JSON of another shape, unless it just ends too early. */
  #not(message: string): never {
    if (this.#scan.peek() === -1) this.#scan.fail('')
    throw new ShapeError(message)
  }

  /** Whether the key just read is `name`; a key that is written with escapes is another one. */
  #is(name: string): boolean {
    const { buf, start, stop } = this.#scan
    if (stop - start !== name.length) return false
    for (let i = 0; i < name.length; i += 1) if (buf[start + i] !== name.charCodeAt(i)) return false
    return true
  }
}
