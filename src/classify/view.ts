/**
 * The event view: what is known about one frame, as numbers that point into the bytes it came in.
 * One view per listener-side worker is reused for every frame; nothing may keep it, or `buf`, past the
 * call it was handed to. A span is a pair of offsets into `buf`; `-1` as start means absent (NILVALUE
 * or not there), an empty span (start === end) means present and empty.
 */
import { Buffer } from 'node:buffer'
import { nativeAddress, nativeInts } from '../base/native-memory.ts'
import { HeaderSpans } from './header-spans.ts'

/** How the header was written. The numbers are stored in batches: never renumber. */
export const HeaderForm = { none: 0, rfc5424: 1, rfc3164: 2, rfc3339: 3 } as const
export type HeaderForm = (typeof HeaderForm)[keyof typeof HeaderForm]

/** Names of {@link HeaderForm}, by number. */
export const HEADER_FORM_NAMES = ['none', 'rfc5424', 'rfc3164', 'rfc3339'] as const

/** Bits of {@link EventView.flags}; stored in batches: never renumber. */
export const EventFlag = {
  /** The frame was cut at `frame_max`, or the connection ended inside it. */
  truncated: 1,
  /** A standard's grammar is broken (`valid: false`). Set by the classifier. */
  invalid: 2,
  /** The frame holds LF, CR or NUL, so newline framing must escape it. Set by framing. */
  control: 4,
  /** The sender says that it cut the event (`msgModified`). Set by the classifier. */
  cut_by_sender: 8,
  /** PRI, a time and a host are there: a label may count. Set by the classifier. */
  complete_header: 16,
  /** The event came without a PRI, and the one of its frame was taken for it: no label counts. Set by the listener. */
  pri_assumed: 32,
} as const

/** Slots of {@link EventView.fw}: start and end offset of each firewall field, start -1 when absent. */
export const Fw = {
  event: 0,
  action: 2,
  rule_id: 4,
  direction: 6,
  length: 8,
  /** `TCP`, `UDP`, `ICMP`, or for `PROTO n` the digits of n. */
  protocol: 10,
  close: 12,
  icmp_type: 14,
  icmp_code: 16,
  source_ip: 18,
  source_port: 20,
  destination_ip: 22,
  destination_port: 24,
  tcp_flags: 26,
  packets_in: 28,
  packets_out: 30,
  bytes_in: 32,
  bytes_out: 34,
  /** Gateway lines: `hi16hex:lo16hex` of the interface, without brackets and VRF. */
  interface: 36,
  /** The address family word (`INET`, `INET6`); NSX-V edge lines have none. */
  family: 38,
  /** What stands before the `/` of the rule id (`mainrs`, `domain-c7`); NSX-T's newer lines have none. */
  ruleset: 40,
  /** DFW lines: the number or hash of the vNIC's filter. */
  filter: 42,
  /** DFW lines: what a rule that looks into applications notes before the label (`APP_DNS`, `host.example(id)`). */
  application: 44,
  /** The count of `message repeated n times: [ … ]`. */
  repeated: 46,
  slots: 48,
} as const

/**
 * How a message is read. The first three fill {@link EventView.fw} for every event; all but the first two have inner fields
 * ({@link EventView.inner}), which are read only when somebody asks (`inner.ts`). The numbers are stored nowhere.
 */
export const Grammar = {
  none: 0,
  dfw: 1,
  gateway: 2,
  nsxv_edge: 3,
  esxi: 4,
  vcenter: 5,
  nsx: 6,
  vcd: 7,
  cf: 8,
} as const
export type Grammar = (typeof Grammar)[keyof typeof Grammar]

const EMPTY = Buffer.alloc(0)

/** Fields that a family of inner fields may have. */
export const INNER_MAX = 32

/** Where one inner field stands in a message, as a stream's definition says: behind the first of `after`, before any byte of `until`. */
export interface InnerCapture {
  /** Slot in {@link EventView.inner}. */
  readonly slot: number
  readonly after: readonly Uint8Array[]
  /** The text of `after` belongs to the value. */
  readonly keep: boolean
  /** 256 entries; not 0: this byte ends the value. */
  readonly until: Uint8Array
}

const NO_CAPTURES: readonly InnerCapture[] = []

/** See the module. Filled by framing/listen (`buf` … `source`), then by the classifier (the rest). */
export class EventView extends HeaderSpans {
  buf: Buffer = EMPTY
  /** The frame's bytes are `buf[start, end)`: without framing, without one trailing LF, CR LF or NUL. */
  start = 0
  end = 0
  flags = 0
  /** Milliseconds since the epoch. */
  received_at = 0
  /** Numbers of names: the listener by its place in the configuration, the source by its place plus 1 (0: none). */
  listener = 0
  /** The address it came from, IPv4-mapped ones as plain IPv4; one string object a connection. */
  peer = ''
  /** Another number than that of the event before, unless the sender is the same; 0: nobody counted. */
  peer_id = 0
  source = 0

  form: HeaderForm = HeaderForm.none
  /** RFC 5424 VERSION, or -1. */
  version = -1

  /** Index of the stream in the rules' list of streams; 0 is `other`. */
  stream = 0
  grammar: Grammar = Grammar.none
  readonly fw: Int32Array = nativeInts(Fw.slots).fill(-1)
  /** Address of {@link fw} in native memory, or -1. */
  readonly fw_at = nativeAddress(this.fw)

  /** The grammar of the event's inner fields, none when it has none. */
  family: Grammar = Grammar.none
  /** Whether {@link inner} holds this event's fields: they are read when the first one is asked for. */
  inner_read = false
  /** Start and end of each inner field; only `inner.ts` and its readers look at it. */
  readonly inner: Int32Array = new Int32Array(INNER_MAX * 2)
  /** Bytes of inner fields that do not stand in `buf` as they are. */
  inner_alt: Buffer = EMPTY
  /** Where the stream's definition says that inner fields are. */
  captures: readonly InnerCapture[] = NO_CAPTURES
}
