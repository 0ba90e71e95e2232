/**
 * The commonest frames in one call: strict RFC 5424 and ESXi headers and the bodies of NSX's distributed and gateway
 * firewall, by `scan.c` as WebAssembly. It gives what `scanHeader`, `readDfw` and `readGateway` give, or nothing: they say
 * what every byte means, and where this gives nothing they are asked. A property test holds the two equal.
 */
import { type NativeCode, nativeCode } from '../../base/native-code.ts'
import { nativeAddress, nativeInts, type NativeMemory } from '../../base/native-memory.ts'
import { EventFlag, Fw, Grammar, HeaderForm, type EventView } from '../view.ts'

/** Bits of the answer; `scan.c` has the same numbers. */
const RFC5424 = 2
const DFW = 4
const GATEWAY = 8

/** Places of the header's numbers; `scan.c` has the same. */
const Head = {
  pri: 0,
  time: 1,
  host: 3,
  app: 5,
  proc: 7,
  msgid: 9,
  sd: 11,
  msg: 13,
  label: 14,
  label_hash: 16,
  label_words: 17,
  slots: 34,
} as const
/** Longer labels are not hashed here. */
const LABEL_MAX = 64

/** The classifier's own flags; what framing said stays. */
const OWN_FLAGS = EventFlag.invalid | EventFlag.cut_by_sender | EventFlag.complete_header

interface Scanner {
  readonly scan: NativeCode['scan']
  readonly native: NativeMemory
  readonly scratch_at: number
  readonly header: Int32Array
  readonly header_at: number
  /** The part of it that holds the label. */
  readonly words: Int32Array
  /** For views whose own fields are not in native memory. */
  readonly fields: Int32Array
  readonly fields_at: number
}

let scanner: Scanner | null | undefined
/** The view of the last frame that was read here. */
let last_view: EventView | undefined
/** The buffer of the last frame, and its address in native memory; -1: it is elsewhere. */
let last_buf: Uint8Array | undefined
let last_at = -1

function make(): Scanner | null {
  const code = nativeCode()
  const header = nativeInts(Head.slots)
  const fields = nativeInts(Fw.slots)
  if (code === null || nativeAddress(fields) < 0) return null
  const { native, scan } = code
  return {
    scan,
    native,
    scratch_at: native.scratch.byteOffset,
    header,
    header_at: header.byteOffset,
    words: header.subarray(Head.label_words),
    fields,
    fields_at: fields.byteOffset,
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
  const { header, header_at, fields_at } = scanner
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
  const own = view.fw_at
  const answer = scanner.scan(at, length, start - at, header_at, own < 0 ? fields_at : own)
  if (answer === 0) return false
  if (own < 0) view.fw.set(scanner.fields)
  view.flags = (view.flags & ~OWN_FLAGS) | EventFlag.complete_header
  const standard = (answer & RFC5424) !== 0
  view.form = standard ? HeaderForm.rfc5424 : HeaderForm.rfc3339
  view.version = standard ? 1 : -1
  view.pri = header[Head.pri]!
  view.time_start = header[Head.time]!
  view.time_end = header[Head.time + 1]!
  view.host_start = header[Head.host]!
  view.host_end = header[Head.host + 1]!
  view.app_start = header[Head.app]!
  view.app_end = header[Head.app + 1]!
  view.proc_start = header[Head.proc]!
  view.proc_end = header[Head.proc + 1]!
  view.msgid_start = header[Head.msgid]!
  view.msgid_end = header[Head.msgid + 1]!
  view.sd_start = header[Head.sd]!
  view.sd_end = header[Head.sd + 1]!
  view.msg_start = header[Head.msg]!
  view.label_start = header[Head.label]!
  view.label_end = header[Head.label + 1]!
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
  const start = scanner.header[Head.label]!
  const end = scanner.header[Head.label + 1]!
  return start >= 0 && view.label_start === start && view.label_end === end && end - start <= LABEL_MAX
}

/** The label's bytes, four a word, the first lowest, letters in lower case. */
export function labelWords(): Int32Array {
  return scanner?.words ?? NO_WORDS
}

export function labelHash(): number {
  return scanner?.header[Head.label_hash] ?? 0
}

function remember(buf: Uint8Array, native: NativeMemory): void {
  last_buf = buf
  last_at = buf.buffer === native.memory.buffer ? buf.byteOffset : -1
}
