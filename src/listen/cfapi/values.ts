/**
 * What a field holds, as bytes: its own content without escapes, or a part of the event's text. One value at a time;
 * nothing is made but memory that is used again.
 */
import { Buffer } from 'node:buffer'
import { type CfapiEvent, FieldSlot, RAW } from './event.ts'
import { Style, unescapeTo, utf16Offset } from './json-scanner.ts'

/** Scratch above this is given back after the event that needed it. */
const KEPT_MAX = 262_144
/** UTF-16 units between two marks of a text whose characters are not all one byte. */
const MARK_EVERY = 64

const NOTHING = Buffer.alloc(0)

/** Memory that grows when it must. */
class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096)

  room(size: number): Buffer {
    if (this.bytes.length < size || (this.bytes.length > KEPT_MAX && size < KEPT_MAX))
      this.bytes = Buffer.allocUnsafeSlow(Math.max(4096, size))
    return this.bytes
  }
}

/** The text and the values of one event. */
export class Values {
  /** The event's text: empty when it has none. */
  text: Buffer = NOTHING
  text_start = 0
  text_end = 0
  /** The value last asked for. */
  buf: Buffer = NOTHING
  start = 0
  end = 0
  /** The value may hold control characters. */
  unescaped = false
  #body: Buffer = NOTHING
  #event: CfapiEvent | undefined
  readonly #text_scratch = new Scratch()
  readonly #scratch = new Scratch()
  /** Byte offsets of every {@link MARK_EVERY}th unit of the text; made when the first position is asked for. */
  #marks: number[] = []
  #marked = false

  load(body: Buffer, event: CfapiEvent): void {
    this.#body = body
    this.#event = event
    this.#marked = false
    if (event.text_start < 0) {
      this.text = NOTHING
      this.text_start = 0
      this.text_end = 0
    } else if ((event.text_style & Style.escapes) === 0) {
      this.text = body
      this.text_start = event.text_start
      this.text_end = event.text_end
    } else {
      this.text = this.#text_scratch.room(event.text_end - event.text_start)
      this.text_start = 0
      this.text_end = unescapeTo(this.text, 0, body, event.text_start, event.text_end)
    }
  }

  /** The name of field `n` (without escapes) becomes the current value. */
  name(n: number): void {
    const { fields } = this.#event as CfapiEvent
    const at = n * FieldSlot.size
    this.#take(
      fields[at + FieldSlot.name_start]!,
      fields[at + FieldSlot.name_end]!,
      fields[at + FieldSlot.name_style]!,
    )
  }

  /** The value of field `n` becomes the current one; empty when it has none or its position is outside of the text. */
  value(n: number): void {
    const { fields } = this.#event as CfapiEvent
    const at = n * FieldSlot.size
    const start = fields[at + FieldSlot.value_start]!
    if (start >= 0)
      return this.#take(start, fields[at + FieldSlot.value_end]!, fields[at + FieldSlot.value_style]!)
    const position = fields[at + FieldSlot.position]!
    const length = fields[at + FieldSlot.length]!
    this.buf = this.text
    this.start = 0
    this.end = 0
    this.unescaped = this.text !== this.#body
    if (position < 0 || length < 0) return
    const from = this.#offset(position)
    const to = this.#offset(position + length)
    if (from < 0 || to < 0) return
    this.start = from
    this.end = to
  }

  /** Whether field `n` is a part of the text. */
  isPart(n: number): boolean {
    const { fields } = this.#event as CfapiEvent
    return fields[n * FieldSlot.size + FieldSlot.value_start]! < 0
  }

  #take(start: number, end: number, style: number): void {
    if (style === RAW || (style & Style.escapes) === 0) {
      this.buf = this.#body
      this.start = start
      this.end = end
      this.unescaped = style === RAW
      return
    }
    this.buf = this.#scratch.room(end - start)
    this.start = 0
    this.end = unescapeTo(this.buf, 0, this.#body, start, end)
    this.unescaped = true
  }

  /** Where unit `position` of the text is; -1 outside of it. */
  #offset(position: number): number {
    const { text, text_start, text_end } = this
    if ((this.#event as CfapiEvent).text_style === Style.plain)
      return position <= text_end - text_start ? text_start + position : -1
    if (!this.#marked) this.#mark()
    const mark = this.#marks[Math.floor(position / MARK_EVERY)]
    return mark === undefined ? -1 : utf16Offset(text, mark, text_end, position % MARK_EVERY)
  }

  /** So that many positions in one text cost no more than its length each. */
  #mark(): void {
    const { text, text_start, text_end } = this
    this.#marked = true
    this.#marks = []
    for (let p = text_start; p >= 0; p = utf16Offset(text, p, text_end, MARK_EVERY)) {
      this.#marks.push(p)
      if (p >= text_end) return
    }
  }
}
