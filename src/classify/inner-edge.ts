/** NSX-V edges: the `KEY=value` words of a firewall line that are no field of firewalls in general. Keys repeat: `LEN` and `ID` mean the inner packet the second time. */
import { Buffer } from 'node:buffer'
import { Edge } from './inner-slots.ts'
import { addInner, findText, setInner } from './inner-spans.ts'
import { repeatedEnd } from './repeated.ts'
import { equalBytes } from './structured-data.ts'
import { type EventView, Fw } from './view.ts'

const SPACE = 0x20
const EQUALS = 0x3d

const bytes = (text: string): Buffer => Buffer.from(text)
const FIRST = bytes('IN=')
/** Keys, with where a second value goes. */
const KEYS = [
  { name: 'IN', slot: Edge.in_interface },
  { name: 'OUT', slot: Edge.out_interface },
  { name: 'MAC', slot: Edge.mac },
  { name: 'TOS', slot: Edge.tos },
  { name: 'PREC', slot: Edge.prec },
  { name: 'TTL', slot: Edge.ttl },
  { name: 'ID', slot: Edge.id, second: Edge.icmp_id },
  { name: 'SEQ', slot: Edge.icmp_sequence },
  { name: 'WINDOW', slot: Edge.window },
  { name: 'URGP', slot: Edge.urgent },
  { name: 'MARK', slot: Edge.mark },
  { name: 'LEN', second: Edge.payload_length },
].map((key) => ({ ...key, name: bytes(key.name), seen: false }))

/** Fills the fields of {@link Edge}. */
export function readEdge(view: EventView): void {
  const { buf } = view
  const repeated = (view.fw[Fw.repeated] as number) >= 0
  const end = repeated ? repeatedEnd(buf, view.msg_start, view.end) : view.end
  for (const key of KEYS) key.seen = false
  // It is glued to the rule: `DROP_131073IN=vNic_0`.
  let p = findText(buf, view.msg_start, end, FIRST)
  while (p >= 0 && p < end) {
    while (p < end && (buf[p] as number) <= SPACE) p += 1
    const word = p
    let equals = 0
    while (p < end && (buf[p] as number) > SPACE) {
      if (equals === 0 && buf[p] === EQUALS) equals = p
      p += 1
    }
    if (equals > word && p > equals + 1) readPair(view, word, equals, p)
  }
}

function readPair(view: EventView, word: number, equals: number, end: number): void {
  const key = KEYS.find(({ name }) => equalBytes(view.buf, word, equals, name))
  if (key === undefined) return
  if (!key.seen) {
    key.seen = true
    if (key.slot !== undefined) setInner(view, key.slot, equals + 1, end)
  } else if (key.second !== undefined) addInner(view, key.second, equals + 1, end)
}
