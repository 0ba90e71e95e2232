/** Cloud Foundry: application logs and metrics (`[tags@47450 …]`), logs of its components (`[instance@47450 …]`), CEF records in both. */
import { Buffer } from 'node:buffer'
import { type ParamSlots, readElement } from './inner-sd.ts'
import { Cf } from './inner-slots.ts'
import { byteAt, findText, setInner, setWord, startsAt } from './inner-spans.ts'
import { digitsEnd } from './time-scan.ts'
import type { EventView } from './view.ts'

const SLASH = 0x2f
const OPEN = 0x5b
const CLOSE = 0x5d

const bytes = (text: string): Buffer => Buffer.from(text)
const params = (slots: Readonly<Record<string, number>>): ParamSlots =>
  Object.entries(slots).map(([name, slot]) => ({ name: bytes(name), slot }))

const TAGS = bytes('tags@47450')
const TAG_PARAMS = params({
  organization_id: Cf.organization_id,
  organization_name: Cf.organization_name,
  space_id: Cf.space_id,
  space_name: Cf.space_name,
  app_id: Cf.app_id,
  app_name: Cf.app_name,
  source_type: Cf.source_type,
  deployment: Cf.deployment,
})
const INSTANCE = bytes('instance@47450')
const INSTANCE_PARAMS = params({
  id: Cf.instance_id,
  deployment: Cf.deployment,
  director: Cf.director,
  group: Cf.group,
  az: Cf.zone,
  environment: Cf.environment,
})
const METRICS = (['gauge', 'counter', 'timer', 'event'] as const).map((kind) => ({
  kind,
  id: bytes(`${kind}@47450`),
}))
const NO_PARAMS: ParamSlots = []
const CEF = bytes('CEF:0|')
/** A time of its own may stand before the record. */
const CEF_LOOK = 64

/** Fills the fields of {@link Cf}. */
export function readCf(view: EventView): void {
  readElement(view, TAGS, TAG_PARAMS)
  readElement(view, INSTANCE, INSTANCE_PARAMS)
  const metric = METRICS.find(({ id }) => readElement(view, id, NO_PARAMS))
  setWord(view, Cf.kind, metric === undefined ? 'log' : metric.kind)
  readProcess(view)
  readCef(view)
}

/** PROCID in brackets: `[APP/PROC/WEB/1]` is instance 1 of `APP/PROC/WEB`. */
function readProcess(view: EventView): void {
  const { buf, proc_start, proc_end } = view
  if (proc_start < 0 || buf[proc_start] !== OPEN || buf[proc_end - 1] !== CLOSE) return
  const end = proc_end - 1
  let slash = end - 1
  while (slash > proc_start && buf[slash] !== SLASH) slash -= 1
  const start = slash + 1
  const numbered = start < end && digitsEnd(buf, start, end) === end
  if (numbered) setInner(view, Cf.instance, start, end)
  const stop = numbered ? slash : end
  if (stop > proc_start + 1) setInner(view, Cf.process, proc_start + 1, stop)
}

/** `CEF:0|vendor|product|version|signature|name|severity|…`. */
function readCef(view: EventView): void {
  const { buf, end } = view
  const at = findText(buf, view.msg_start, Math.min(end, view.msg_start + CEF_LOOK), CEF)
  if (at < 0 || !startsAt(buf, at, end, CEF)) return
  let p = at + CEF.length
  for (let field = 0; field < 6 && p < end; field += 1) {
    const bar = byteAt(buf, p, end, 0x7c)
    if (field === 3) setInner(view, Cf.cef_signature, p, bar)
    if (field === 4) setInner(view, Cf.cef_name, p, bar)
    if (field === 5) setInner(view, Cf.cef_severity, p, bar)
    p = bar + 1
  }
}
