/**
 * The commonest frames in one call: strict RFC 5424 and ESXi headers and the bodies of NSX's distributed and gateway
 * firewall, by `scan.c` as WebAssembly. It gives what `scanHeader`, `readDfw` and `readGateway` give, or nothing: they say
 * what every byte means, and where this gives nothing they are asked. A property test holds the two equal.
 */
import { type NativeCode, nativeCode } from '../../base/native-code.ts'
import { nativeAddress, nativeInts, type NativeMemory } from '../../base/native-memory.ts'
import { EventFlag, EventView, Grammar, HeaderForm } from '../view.ts'

/** Bits of the answer; `scan.c` has the same numbers. */
const RFC5424 = 2
const DFW = 4
const GATEWAY = 8

/** Places of what is known about the label's bytes; `flow.h` has the same. */
const Label = { start: 0, end: 1, hash: 2, words: 3, slots: 20 } as const
/** The classifier's own flags; what framing said stays. */
const OWN_FLAGS = EventFlag.invalid | EventFlag.cut_by_sender | EventFlag.complete_header

interface Scanner {
  readonly scan: NativeCode['scan']
  readonly native: NativeMemory
  readonly scratch_at: number
  readonly label: Int32Array
  readonly label_at: number
  /** The part of it that holds the label's bytes. */
  readonly words: Int32Array
  /** For views whose own numbers are not in native memory. */
  readonly spare: EventView
}

let scanner: Scanner | null | undefined
/** The view of the last frame that was read here. */
let last_view: EventView | undefined
/** The buffer of the last frame, and its address in native memory; -1: it is elsewhere. */
let last_buf: Uint8Array | undefined
let last_at = -1

function make(): Scanner | null {
  const code = nativeCode()
  const label = nativeInts(Label.slots)
  const spare = new EventView()
  if (code === null || nativeAddress(label) < 0 || spare.fw_at < 0) return null
  const { native, scan } = code
  return {
    scan,
    native,
    scratch_at: native.scratch.byteOffset,
    label,
    label_at: label.byteOffset,
    words: label.subarray(Label.words),
    spare,
  }
}

/**
 * Fills what `scanHeader` fills, and for a firewall body, by the grammar that {@link EventView.grammar} then names, the
 * firewall fields and the label; without one these are cleared. False, with the view undefined, when this is a frame for
 * the scanners.
 */
export function scanQuick(view: EventView): boolean {
  if (scanner === undefined) scanner = make()
  if (scanner === null) return false
  last_view = undefined
  const buf = view.buf
  if (buf !== last_buf) remember(buf, scanner.native)
  const start = view.start
  const length = view.end - start
  let at = last_at + start
  if (last_at < 0) {
    if (length > scanner.native.scratch.length) return false
    buf.copy(scanner.native.scratch, 0, start, view.end)
    at = scanner.scratch_at
  }
  const near = view.fw_at < 0 ? scanner.spare : view
  const answer = scanner.scan(at, length, start - at, near.head_at, near.fw_at, scanner.label_at)
  if (answer === 0) return false
  if (near !== view) {
    view.head.set(near.head)
    view.fw.set(near.fw)
  }
  view.flags = (view.flags & ~OWN_FLAGS) | EventFlag.complete_header
  const standard = (answer & RFC5424) !== 0
  view.form = standard ? HeaderForm.rfc5424 : HeaderForm.rfc3339
  view.version = standard ? 1 : -1
  view.grammar =
    (answer & DFW) !== 0 ? Grammar.dfw : (answer & GATEWAY) !== 0 ? Grammar.gateway : Grammar.none
  last_view = view
  return true
}

const NO_WORDS = new Int32Array(0)

/**
 * The words and the hash of a label as the label table makes them ({@link labelWords}, {@link labelHash}): whether they are
 * there for the label that the view has, which is so until the next frame is scanned.
 */
export function labelIsRead(view: EventView): boolean {
  if (view !== last_view || scanner === null || scanner === undefined) return false
  const start = scanner.label[Label.start]!
  return start >= 0 && view.label_start === start && view.label_end === scanner.label[Label.end]!
}

/** The label's bytes, four a word, the first lowest, letters in lower case. */
export function labelWords(): Int32Array {
  return scanner?.words ?? NO_WORDS
}

export function labelHash(): number {
  return scanner?.label[Label.hash] ?? 0
}

function remember(buf: Uint8Array, native: NativeMemory): void {
  last_buf = buf
  last_at = buf.buffer === native.memory.buffer ? buf.byteOffset : -1
}
