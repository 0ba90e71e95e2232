/**
 * ESXi: daemons (`Hostd: info hostd[…] [Originator@6876 …]`), the kernel (`cpu3:2097999 opID=…)…`), vobd's problems, shell
 * commands with their audit records, logins of sshd and hostd.
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { type ParamSlots, readElement, readLooseElement } from './inner-sd.ts'
import { readLogin } from './inner-logins.ts'
import { Esxi } from './inner-slots.ts'
import { addInner, byteAt, setInner, setRest, setWord, startsAt, wordEnd } from './inner-spans.ts'
import {
  isOriginator,
  type OriginatorSlots,
  readLogger,
  readOldLogger,
  readOriginator,
} from './originator.ts'
import { digitsEnd } from './time-scan.ts'
import type { EventView } from './view.ts'

const COLON = 0x3a
const OPEN = 0x5b
const CLOSE = 0x5d
const CLOSE_ROUND = 0x29

const bytes = (text: string): Buffer => Buffer.from(text)
const ORIGINATOR_ID = bytes('Originator@6876')
const ORIGINATOR_PARAMS: ParamSlots = [
  { name: bytes('sub'), slot: Esxi.sub },
  { name: bytes('opID'), slot: Esxi.op_id },
  { name: bytes('sid'), slot: Esxi.session },
  { name: bytes('user'), slot: Esxi.user },
]
const SHELL_ID = bytes('shell.cmd@6876')
const SHELL_PARAMS: ParamSlots = [
  { name: bytes('subject'), slot: Esxi.user },
  { name: bytes('object'), slot: Esxi.sub },
  { name: bytes('command'), slot: Esxi.command },
  { name: bytes('result'), slot: Esxi.result },
  { name: bytes('status'), slot: Esxi.status },
]
const SLOTS: OriginatorSlots = Esxi
const CPU = bytes('cpu')
const OP_ID = bytes(' opID=')
const WARNING = bytes('WARNING: ')
const ALERT = bytes('ALERT: ')
const EVENT = bytes('Event ')
const MICROSECONDS = bytes('us: [')
const SHELLS = ['shell', 'ESXShell', 'SSH', 'root'].map(bytes)

/** Fills the fields of {@link Esxi}. */
export function readEsxi(view: EventView): void {
  const { buf, end } = view
  if (view.app_start >= 0) setInner(view, Esxi.program, view.app_start, view.app_end)
  if (view.sd_start >= 0) {
    readElement(view, ORIGINATOR_ID, ORIGINATOR_PARAMS)
    readElement(view, SHELL_ID, SHELL_PARAMS)
  }
  let p = skipBlanks(buf, view.msg_start, end)
  p = readLogger(view, p, end, SLOTS) || p
  if (p < end && buf[p] === OPEN) p = readBracket(view, p, end)
  else if (startsAt(buf, p, end, CPU)) p = readKernel(view, p, end)
  readLogin(view, p, end)
  readEventId(view, p, end)
  setRest(view, Esxi.text, p, end)
}

/** Whether the message begins as only ESXi's do: for lines whose program is not known. */
export function isEsxi(view: EventView): boolean {
  const { buf, end } = view
  const p = skipBlanks(buf, view.msg_start, end)
  if (startsAt(buf, p, end, CPU)) return kernelEnd(buf, p, end) !== 0
  if (p < end && buf[p] === OPEN) return problemStart(buf, p, end) !== 0
  const q = readLogger(view, p, end)
  return q !== 0 && isOriginator(buf, q, end)
}

function readBracket(view: EventView, p: number, end: number): number {
  const { buf } = view
  if (isOriginator(buf, p, end)) return readOriginator(view, p, end, SLOTS) || p
  const shell = readLooseElement(view, p, end, SHELL_ID, SHELL_PARAMS)
  if (shell !== 0) return skipBlanks(buf, shell, end)
  const problem = problemStart(buf, p, end)
  if (problem !== 0) return readProblem(view, p, problem, end)
  const old = readOldLogger(view, p, end, SLOTS)
  if (old !== 0) return old
  return isShell(view) ? readCommand(view, p, end) : p
}

/** `[scsiCorrelator] 14807183227307us: [esx.problem.…]`: where the event's name begins, or 0. */
function problemStart(buf: Buffer, p: number, end: number): number {
  const close = wordEnd(buf, p + 1, end)
  if (close === p + 1 || close >= end || buf[close] !== CLOSE) return 0
  const digits = skipBlanks(buf, close + 1, end)
  const unit = digitsEnd(buf, digits, end)
  if (unit === digits || !startsAt(buf, unit, end, MICROSECONDS)) return 0
  return unit + MICROSECONDS.length
}

function readProblem(view: EventView, p: number, name: number, end: number): number {
  const { buf } = view
  setInner(view, Esxi.correlator, p + 1, byteAt(buf, p, end, CLOSE))
  const close = byteAt(buf, name, end, CLOSE)
  setInner(view, Esxi.event_type, name, close)
  return close < end ? skipBlanks(buf, close + 1, end) : end
}

function isShell(view: EventView): boolean {
  const { buf, app_start, app_end } = view
  return SHELLS.some((name) => name.length === app_end - app_start && startsAt(buf, app_start, app_end, name))
}

/** `[root]: command`. */
function readCommand(view: EventView, p: number, end: number): number {
  const { buf } = view
  const close = byteAt(buf, p, end, CLOSE)
  if (close + 1 >= end || buf[close + 1] !== COLON) return p
  setInner(view, Esxi.user, p + 1, close)
  setRest(view, Esxi.command, close + 2, end)
  return skipBlanks(buf, close + 2, end)
}

/** `cpu3:2097999)`, `cpu3:2097999 opID=936118c3)`: the offset of the bracket, or 0. */
function kernelEnd(buf: Buffer, p: number, end: number): number {
  const cpu = digitsEnd(buf, p + 3, end)
  if (cpu === p + 3 || cpu >= end || buf[cpu] !== COLON) return 0
  const world = digitsEnd(buf, cpu + 1, end)
  if (world === cpu + 1) return 0
  let q = world
  if (startsAt(buf, q, end, OP_ID)) q = wordEnd(buf, q + OP_ID.length, end)
  return q < end && buf[q] === CLOSE_ROUND ? q : 0
}

function readKernel(view: EventView, p: number, end: number): number {
  const { buf } = view
  const close = kernelEnd(buf, p, end)
  if (close === 0) return p
  const cpu = digitsEnd(buf, p + 3, end)
  const world = digitsEnd(buf, cpu + 1, end)
  setInner(view, Esxi.cpu, p + 3, cpu)
  setInner(view, Esxi.world, cpu + 1, world)
  if (world < close) setInner(view, Esxi.op_id, world + OP_ID.length, close)
  let q = skipBlanks(buf, close + 1, end)
  if (startsAt(buf, q, end, WARNING)) {
    setWord(view, Esxi.level, 'warning')
    q += WARNING.length
  } else if (startsAt(buf, q, end, ALERT)) {
    setWord(view, Esxi.level, 'alert')
    q += ALERT.length
  }
  const module = wordEnd(buf, q, end)
  if (module > q && module < end && buf[module] === COLON && isAfterColon(buf, module, end))
    addInner(view, Esxi.sub, q, module)
  return q
}

function isAfterColon(buf: Buffer, colon: number, end: number): boolean {
  return colon + 1 >= end || buf[colon + 1] === 0x20
}

/** hostd's `Event 406 : text`. */
function readEventId(view: EventView, p: number, end: number): void {
  const { buf } = view
  if (!startsAt(buf, p, end, EVENT)) return
  const digits = p + EVENT.length
  const stop = digitsEnd(buf, digits, end)
  const colon = skipBlanks(buf, stop, end)
  if (stop > digits && colon < end && buf[colon] === COLON) addInner(view, Esxi.event_id, digits, stop)
}
