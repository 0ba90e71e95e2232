/** Does syslog-ng read the same fields out of our RFC 5424 form as we read out of what came? */
import { afterEach, expect, test } from 'vitest'
import { counted, freePort, needs, PeerFolder, sendBytes, written } from '../support/peers.ts'
import { dfwLine, expectBalanced, forwarderOf, Router, tenantRules } from '../support/router.ts'
import { goodSink, type StreamSink } from '../support/sinks.ts'

const folder = new PeerFolder()
let made: Router | undefined
let sink: StreamSink | undefined
afterEach(async () => {
  await made?.clean()
  await sink?.close()
  await folder.clean()
})

/** Every header that senders write, and what structured data can hold. The sender's clock runs in UTC. */
const EVENTS = [
  dfwLine(0, 1),
  `<165>1 2026-05-15T21:41:25.125+02:00 edge01 NSX 1234 FIREWALL [nsx@6876 comp="nsx-edge" level="INFO"] a message`,
  `<14>1 2026-05-15T19:41:25.250Z host app - - [ex@32473 q="say \\"hi\\" \\\\ \\]"][two@1 a="1" b="2"] \u{feff}höher 漢字`,
  '<0>1 - - - - - -',
  '<191>1 2026-05-15T19:41:25.000Z 2001:db8::1 app p-1 id.2 [only@1]',
  '<13>May 15 19:41:25 gateway sshd[4711]: Accepted publickey for root',
  '<166>2026-05-15T19:41:25.375Z esx01.example.net Hostd: info hostd[2099] [Originator@6876 sub=Vimsvc] task done',
  '<13>Nov  3 01:02:03 10.0.0.7 kernel: tab\there',
]

/** Separates fields; no event holds it. */
const BAR = ' ~|~ '
const MACROS = '$FACILITY_NUM $LEVEL_NUM $S_ISODATE $HOST $PROGRAM $PID $MSGID $SDATA $MESSAGE'.split(' ')

interface Event {
  readonly facility: number
  readonly severity: number
  readonly timestamp: string | null
  readonly hostname: string | null
  readonly app_name: string | null
  readonly proc_id: string | null
  readonly msg_id: string | null
  readonly structured_data: Readonly<Record<string, Readonly<Record<string, string>>>> | null
  readonly message: string
}

/** As syslog-ng writes its macros: nothing for what is absent. */
function fieldsOf(event: Event): readonly string[] {
  const data = Object.entries(event.structured_data ?? {}).map(([id, params]) => {
    const pairs = Object.entries(params).map(
      ([name, value]) => ` ${name}="${value.replace(/["\\\]]/g, '\\$&')}"`,
    )
    return `[${id}${pairs.join('')}]`
  })
  const time = event.timestamp?.replace('Z', '+00:00') ?? ''
  const names = [event.hostname, event.app_name, event.proc_id, event.msg_id].map((name) => name ?? '')
  return [String(event.facility), String(event.severity), time, ...names, data.join(''), event.message]
}

test('all fields of all headers', async (context) => {
  needs(context, 'syslog-ng')
  const port = await freePort()
  const configuration = `options { use-dns(no); keep-hostname(yes); keep-timestamp(yes); frac-digits(3); time-zone("UTC"); stats-freq(0); };
log {
  source { syslog(transport(tcp) ip("127.0.0.1") port(${port})); };
  destination { file("${folder.at('fields.log')}" template("${MACROS.join(BAR)}\\n")); };
};`
  await folder.syslogNg('fields', configuration).listening(port)
  sink = await goodSink()
  const provider = {
    forwarders: [
      { name: 'json', to: `tcp://127.0.0.1:${sink.port}`, format: 'json' },
      { name: 'peer', to: `tcp://127.0.0.1:${port}`, format: 'rfc5424', framing: 'octet-counting' },
    ],
  }
  const listeners = [{ name: 'in', transport: 'tcp', bind: '127.0.0.1:0', allow: ['127.0.0.0/8'] }]
  made = await new Router({ listeners }, { tenants: [tenantRules(0, [])], provider }).start()
  await sendBytes(made.port('in'), EVENTS.map(counted).join(''))
  const ledger = await made.until((now) => forwarderOf(now, 'provider', 'peer').delivered === EVENTS.length)
  await sink.until(() => sink?.lines().length === EVENTS.length)
  const ours = sink.lines().map((line) => fieldsOf(JSON.parse(line) as Event))
  const bytes = Buffer.byteLength(ours.map((fields) => `${fields.join(BAR)}\n`).join(''))
  const text = Buffer.from(await written(folder.at('fields.log'), bytes), 'latin1').toString()
  const theirs = text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(BAR))
  // A header without time or host gets syslog-ng's own clock and the address of the connection.
  const filled = (field: string, row: number, column: number): string =>
    (column === 2 || column === 3) && ours[row]?.[column] === '' ? '' : field
  expect(theirs.map((fields, row) => fields.map((field, column) => filled(field, row, column)))).toEqual(ours)
  expectBalanced(ledger)
  expect(await made.stop()).toBe(0)
})
