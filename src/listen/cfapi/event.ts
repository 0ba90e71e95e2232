/** One event of a request, as offsets into the body: filled by the reader, read by the composer, used again for the next. */

/** Slots of a field in {@link CfapiEvent.fields}. A value's start is -1 where there is none. */
export const FieldSlot = {
  name_start: 0,
  name_end: 1,
  /** `Style` bits of the name. */
  name_style: 2,
  value_start: 3,
  value_end: 4,
  /** `Style` bits of the value; {@link RAW} for a list or object, which is written as it is. */
  value_style: 5,
  /** UTF-16 units into the text, -1: the value is not a part of the text. */
  position: 6,
  length: 7,
  size: 8,
} as const

/** Style of a value that is no string: its JSON text is the value. */
export const RAW = 8

/** Fields of one event at most: far above what any sender writes, and bounded work for what nobody means well. */
export const FIELDS_MAX = 1024

export class CfapiEvent {
  text_start = -1
  text_end = -1
  text_style = 0
  /** Milliseconds since the epoch; NaN when the event has none. */
  timestamp = Number.NaN
  count = 0
  fields = new Int32Array(32 * FieldSlot.size)

  clear(): void {
    this.text_start = -1
    this.text_end = -1
    this.text_style = 0
    this.timestamp = Number.NaN
    this.count = 0
  }

  /** The offset into `fields` of one more field, all slots -1; -1 when there are {@link FIELDS_MAX}. */
  add(): number {
    if (this.count >= FIELDS_MAX) return -1
    const at = this.count * FieldSlot.size
    if (at >= this.fields.length) {
      const grown = new Int32Array(this.fields.length * 2)
      grown.set(this.fields)
      this.fields = grown
    }
    const { fields } = this
    fields[at] = -1
    fields[at + 1] = -1
    fields[at + 2] = -1
    fields[at + 3] = -1
    fields[at + 4] = -1
    fields[at + 5] = -1
    fields[at + 6] = -1
    fields[at + 7] = -1
    this.count += 1
    return at
  }
}
