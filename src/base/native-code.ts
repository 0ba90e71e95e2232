/**
 * The compiled code that works on a thread's native memory (`native-memory.ts`): one module of all C sources, made once a
 * thread that asks for it.
 */
import { Buffer } from 'node:buffer'
import { NATIVE_WASM } from './native-wasm.ts'
import { type NativeMemory, nativeMemory } from './native-memory.ts'

export interface NativeCode {
  readonly native: NativeMemory
  /** `src/classify/quick/scan.c`: what stands in the frame at an address, or 0. */
  readonly scan: (
    start: number,
    length: number,
    shift: number,
    header: number,
    fields: number,
    label: number,
  ) => number
  /** `src/framing/native/lines.c`: where the lines of a chunk end; below 0 when they are too many. */
  readonly lines: (start: number, length: number, out: number, max: number) => number
  /** `src/queue/native/append.c`: one event into an open batch; below 0 when it is not for this code. */
  readonly append: (
    chunk: number,
    source: number,
    length: number,
    flags: number,
    owner: number,
    stream: number,
    origin: number,
    peer: number,
    received_at: number,
  ) => number
}

let code: NativeCode | null | undefined

/** This thread's, made at the first call; null on a machine without the vector instructions that it was compiled for. */
export function nativeCode(): NativeCode | null {
  if (code === undefined) code = make()
  return code
}

function make(): NativeCode | null {
  const native = nativeMemory()
  if (native === null) return null
  try {
    const compiled = new WebAssembly.Module(Buffer.from(NATIVE_WASM, 'base64'))
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory: native.memory } })
    return {
      native,
      scan: exports['scan'] as NativeCode['scan'],
      lines: exports['lines'] as NativeCode['lines'],
      append: exports['append'] as NativeCode['append'],
    }
  } catch {
    return null
  }
}
