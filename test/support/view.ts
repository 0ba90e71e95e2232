/** Event views filled by hand, for tests of what comes after the classifier. */
import { EventFlag, EventView, Fw, Grammar, HeaderForm } from '../../src/classify/view.ts'

/** Texts of the fields that a test wants; what is left out is absent. */
export interface ViewFields {
  readonly host?: string
  readonly app?: string
  readonly proc?: string
  readonly msgid?: string
  readonly message?: string
  readonly label?: string | Buffer
  readonly fw?: Readonly<Partial<Record<keyof typeof Fw, string>>>
  readonly stream?: number
  readonly pri?: number
  readonly flags?: number
  readonly peer?: string
  readonly listener?: number
  readonly source?: number
}

/**
 * A view whose buffer holds the fields one after the other, with other bytes before and behind the frame, so that a
 * reader that leaves its span is caught. The message goes before the label, which is the tail of the frame.
 */
export function makeView(fields: ViewFields): EventView {
  const view = new EventView()
  const chunks: Buffer[] = [Buffer.from('before ')]
  let at = 7
  const put = (text: string | Buffer | undefined): [number, number] => {
    if (text === undefined) return [-1, -1]
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    chunks.push(bytes, Buffer.from('|'))
    at += bytes.length + 1
    return [at - bytes.length - 1, at - 1]
  }
  view.start = at
  ;[view.host_start, view.host_end] = put(fields.host)
  ;[view.app_start, view.app_end] = put(fields.app)
  ;[view.proc_start, view.proc_end] = put(fields.proc)
  ;[view.msgid_start, view.msgid_end] = put(fields.msgid)
  view.fw.fill(-1)
  if (fields.fw !== undefined) {
    view.grammar = Grammar.dfw
    for (const [name, text] of Object.entries(fields.fw)) {
      const slot = Fw[name as keyof typeof Fw]
      ;[view.fw[slot], view.fw[slot + 1]] = put(text)
    }
  }
  const message = put(fields.message ?? '')
  view.msg_start = message[0]
  view.end = message[1]
  if (fields.label !== undefined) {
    const label = put(fields.label)
    ;[view.label_start, view.label_end] = label
    view.end = label[1]
  }
  view.buf = Buffer.concat([...chunks, Buffer.from(' behind 443 DROP acme')])
  view.form = HeaderForm.rfc5424
  view.flags = fields.flags ?? EventFlag.complete_header
  view.pri = fields.pri ?? 13
  view.stream = fields.stream ?? 0
  view.peer = fields.peer ?? '10.20.0.7'
  view.listener = fields.listener ?? 0
  view.source = fields.source ?? 0
  return view
}
