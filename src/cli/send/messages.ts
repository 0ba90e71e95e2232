/** The messages to send: the input's lines, packed a chunk at a time, so that memory does not follow the file. */
import { Buffer } from 'node:buffer'
import { LogweirError } from '../../base/errors.ts'
import type { Input } from '../input.ts'
import { LineSplitter } from '../lines.ts'

/** Bytes of one message; what is longer is sent cut. */
export const MESSAGE_MAX = 1024 * 1024
const LF = 0x0a

/** Some messages, one after the other in `bytes`; message n ends at `ends[n]`. Good until the next one is asked for. */
export interface Pack {
  readonly bytes: Buffer
  readonly ends: readonly number[]
}

/** A chunk's lines; empty ones are left out: a syslog message is never empty. */
class Packer {
  #bytes = Buffer.allocUnsafe(64 * 1024)
  #length = 0
  #ends: number[] = []
  readonly #tally: { cut: number }

  constructor(tally: { cut: number }) {
    this.#tally = tally
  }

  add = (buf: Buffer, start: number, end: number, cut: boolean): void => {
    if (end === start) return
    if (cut) this.#tally.cut += 1
    const need = this.#length + end - start
    if (need > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(need, this.#bytes.length * 2))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    buf.copy(this.#bytes, this.#length, start, end)
    this.#length = need
    this.#ends.push(need)
  }

  take(): Pack {
    const pack = { bytes: this.#bytes, ends: this.#ends }
    this.#length = 0
    this.#ends = []
    return pack
  }
}

/** Yields the input's messages, again and again with `loop`. Those that are cut are counted in `tally`. */
export async function* readMessages(
  input: Input,
  loop: boolean,
  tally: { cut: number },
): AsyncGenerator<Pack, void> {
  const packer = new Packer(tally)
  for (;;) {
    let some = false
    const splitter = new LineSplitter(MESSAGE_MAX, packer.add)
    for await (const chunk of input.chunks()) {
      splitter.push(chunk)
      const pack = packer.take()
      some ||= pack.ends.length > 0
      yield pack
    }
    splitter.end()
    const last = packer.take()
    some ||= last.ends.length > 0
    yield last
    if (!loop) return
    if (!some) {
      throw new LogweirError('LW_INPUT', `${input.name} holds no messages to send`, 'leave out `--loop`')
    }
  }
}

/** Messages `first` to `last` (exclusive) of a pack as bytes of a stream. */
export function frame({ bytes, ends }: Pack, first: number, last: number, counted: boolean): Buffer {
  const begin = first === 0 ? 0 : (ends[first - 1] ?? 0)
  const size = (ends[last - 1] ?? begin) - begin
  // A count of up to seven digits and a blank, or one LF.
  const out = Buffer.allocUnsafe(size + (last - first) * 8)
  let at = 0
  let start = begin
  for (let n = first; n < last; n += 1) {
    const end = ends[n] ?? start
    if (counted) at += out.write(`${end - start} `, at, 'latin1')
    at += bytes.copy(out, at, start, end)
    if (!counted) out[at++] = LF
    start = end
  }
  return out.subarray(0, at)
}
