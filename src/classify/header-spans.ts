/**
 * The spans of a header, and the label's: in native memory, so that the quick scanner (`quick/scan.c`) leaves them where they
 * are read, and only those are read that somebody asks for.
 */
import { nativeAddress, nativeInts } from '../base/native-memory.ts'

/** Places of the numbers; `quick/header.h` has the same. */
export const Head = {
  pri: 0,
  time_start: 1,
  time_end: 2,
  host_start: 3,
  host_end: 4,
  app_start: 5,
  app_end: 6,
  proc_start: 7,
  proc_end: 8,
  msgid_start: 9,
  msgid_end: 10,
  sd_start: 11,
  sd_end: 12,
  msg_start: 13,
  label_start: 14,
  label_end: 15,
  app_id: 16,
  slots: 20,
} as const

/** Spans are pairs of offsets into the bytes at hand; start -1: absent. */
export class HeaderSpans {
  readonly head: Int32Array = nativeInts(Head.slots).fill(-1)
  /** Address of {@link head} in native memory, or -1. */
  readonly head_at = nativeAddress(this.head)

  /** 0–191 as written, or -1 when absent or not a number; 192 and above are kept, with `invalid`. */
  get pri(): number {
    return this.head[Head.pri]!
  }

  set pri(value: number) {
    this.head[Head.pri] = value
  }

  get time_start(): number {
    return this.head[Head.time_start]!
  }

  set time_start(value: number) {
    this.head[Head.time_start] = value
  }

  get time_end(): number {
    return this.head[Head.time_end]!
  }

  set time_end(value: number) {
    this.head[Head.time_end] = value
  }

  get host_start(): number {
    return this.head[Head.host_start]!
  }

  set host_start(value: number) {
    this.head[Head.host_start] = value
  }

  get host_end(): number {
    return this.head[Head.host_end]!
  }

  set host_end(value: number) {
    this.head[Head.host_end] = value
  }

  get app_start(): number {
    return this.head[Head.app_start]!
  }

  set app_start(value: number) {
    this.head[Head.app_start] = value
    this.head[Head.app_id] = 0
  }

  get app_end(): number {
    return this.head[Head.app_end]!
  }

  set app_end(value: number) {
    this.head[Head.app_end] = value
  }

  /** The program's number, above 0, or 0 where it has none: two events with the same number have the same program. */
  get app_id(): number {
    return this.head[Head.app_id]!
  }

  get proc_start(): number {
    return this.head[Head.proc_start]!
  }

  set proc_start(value: number) {
    this.head[Head.proc_start] = value
  }

  get proc_end(): number {
    return this.head[Head.proc_end]!
  }

  set proc_end(value: number) {
    this.head[Head.proc_end] = value
  }

  get msgid_start(): number {
    return this.head[Head.msgid_start]!
  }

  set msgid_start(value: number) {
    this.head[Head.msgid_start] = value
  }

  get msgid_end(): number {
    return this.head[Head.msgid_end]!
  }

  set msgid_end(value: number) {
    this.head[Head.msgid_end] = value
  }

  /** The structured data with its brackets; start -1 for `-` or none. Only well-formed SD is marked here. */
  get sd_start(): number {
    return this.head[Head.sd_start]!
  }

  set sd_start(value: number) {
    this.head[Head.sd_start] = value
  }

  get sd_end(): number {
    return this.head[Head.sd_end]!
  }

  set sd_end(value: number) {
    this.head[Head.sd_end] = value
  }

  /** Where the message begins; it ends at the end of the frame. After a BOM, which is not part of it. */
  get msg_start(): number {
    return this.head[Head.msg_start]!
  }

  set msg_start(value: number) {
    this.head[Head.msg_start] = value
  }

  /** The label by position, trimmed; start -1 when there is none. */
  get label_start(): number {
    return this.head[Head.label_start]!
  }

  set label_start(value: number) {
    this.head[Head.label_start] = value
  }

  get label_end(): number {
    return this.head[Head.label_end]!
  }

  set label_end(value: number) {
    this.head[Head.label_end] = value
  }
}
