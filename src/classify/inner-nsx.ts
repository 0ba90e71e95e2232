/**
 * NSX: what `[nsx@6876 …]` says, wherever it stands (structured data, or text of agents and relays), the manager's audit
 * (`UserName="…", ModuleName="…", Operation="…", Operation status="…", New value=[…]`), its shell (`CMD: …`), and system
 * events of NSX-V's manager (`[SystemEvent] Time:'…', Severity:'…'`).
 */
import { Buffer } from 'node:buffer'
import { skipBlanks } from './flow.ts'
import { readAudit, readCommand, readSystemEvent } from './inner-nsx-audit.ts'
import { type ParamSlots, readElement, readLooseElement } from './inner-sd.ts'
import { Nsx } from './inner-slots.ts'
import { findText, setRest } from './inner-spans.ts'
import type { EventView } from './view.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
/** The element that NSX-T and NSX 4 write, then that of NSX-V. */
const IDS = ['nsx@6876', 'nsxv@6876'].map(bytes)
const STARTS = ['[nsx@6876 ', '[nsxv@6876 '].map(bytes)
const PARAMS: ParamSlots = [
  { name: bytes('comp'), slot: Nsx.comp },
  { name: bytes('subcomp'), slot: Nsx.subcomp },
  { name: bytes('s2comp'), slot: Nsx.s2comp },
  { name: bytes('level'), slot: Nsx.level },
  { name: bytes('errorCode'), slot: Nsx.error_code },
  { name: bytes('tid'), slot: Nsx.thread },
  { name: bytes('username'), slot: Nsx.user },
  { name: bytes('reqId'), slot: Nsx.request_id },
  { name: bytes('entId'), slot: Nsx.entity_id },
  { name: bytes('audit'), slot: Nsx.audit },
  { name: bytes('update'), slot: Nsx.update },
  { name: bytes('splitId'), slot: Nsx.split_id },
  { name: bytes('splitIndex'), slot: Nsx.split_index },
]
/** How far into a message the element is looked for: behind an inner header, or what vmsyslogd put before it. */
const LOOK = 512

/** Fills the fields of {@link Nsx}. */
export function readNsx(view: EventView): void {
  const { end } = view
  let p = skipBlanks(view.buf, view.msg_start, end)
  if (!IDS.some((id) => readElement(view, id, PARAMS))) p = readInText(view, p, end)
  if (!readAudit(view, p, end) && !readCommand(view, p, end)) readSystemEvent(view, p, end)
  setRest(view, Nsx.text, p, end)
}

/** The element in the message; returns where the text behind it begins. */
function readInText(view: EventView, from: number, end: number): number {
  const { buf } = view
  const last = Math.min(end, from + LOOK)
  for (const [index, start] of STARTS.entries()) {
    const p = findText(buf, from, last, start)
    if (p < 0) continue
    const close = readLooseElement(view, p, end, IDS[index] as Buffer, PARAMS)
    if (close !== 0) return skipBlanks(buf, close, end)
  }
  return from
}
