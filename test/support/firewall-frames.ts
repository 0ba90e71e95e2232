/** Random frames in the forms that NSX and ESXi write, most of them firewall lines. Characters are bytes. */
import fc from 'fast-check'

const word = (text: string, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...text.split('')), minLength: 1, maxLength: max })
const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')
const maybe = (part: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(''), part)

const time = fc
  .tuple(
    fc.integer({ min: 1990, max: 2040 }),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
    fc.nat(86_399),
    fc.constantFrom('', '.1', '.037', '.001234'),
    fc.constantFrom('Z', '+00:00', '-03:30'),
  )
  .map(([year, month, day, second, fraction, zone]) => {
    const clock = [Math.trunc(second / 3600), Math.trunc(second / 60) % 60, second % 60]
      .map((n) => pad(n, 2))
      .join(':')
    return `${year}-${pad(month, 2)}-${pad(day, 2)}T${clock}${fraction}${zone}`
  })
const host = fc.constantFrom(
  'esx01',
  'esx01.cloud.example',
  '10.20.0.7',
  'edge-7.fra1.cloud.example.com',
  'fe80::1',
)
const pid = fc.nat(4_000_000).map(String)
const app = fc.constantFrom(
  'FIREWALL-PKTLOG',
  'FIREWALL_PKTLOG',
  'dfwpktlogs',
  'NSX',
  'hostd',
  'vmkernel',
  'Rhttpproxy',
)
const data = fc.constantFrom(
  '-',
  '[nsx@6876 comp="nsx-edge" subcomp="datapathd.firewallpkt" level="INFO"]',
  '[a@1 b="c"]',
  '[nsx@6876]',
)
const header = fc.oneof(
  fc
    .tuple(
      fc.nat(191),
      time,
      host,
      app,
      fc.oneof(pid, fc.constant('-')),
      fc.constantFrom('-', 'FIREWALL', 'FIREWALL-PKTLOG'),
      data,
    )
    .map(([pri, ...rest]) => `<${pri}>1 ${rest.join(' ')} `),
  fc
    .tuple(fc.nat(191), time, host, app, maybe(pid.map((id) => `[${id}]`)))
    .map(([pri, stamp, name, program, id]) => `<${pri}>${stamp} ${name} ${program}${id}: `),
)

const v4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'))
const v6 = fc.constantFrom('fe80::1', '2001:db8::A0:7', '::', '2001:db8:0:0:1:2:3:4')
const port = fc.nat(65_535).map((n) => `/${n}`)
const reason = fc.constantFrom(
  'match',
  'reason-match',
  'TERM',
  'bad-offset',
  'synproxy',
  'ip-option',
  'reason-normalize',
)
const action = fc.constantFrom('PASS', 'DROP', 'REJECT', 'PUNT', 'REDIRECT', 'NAT')
const rule = fc
  .tuple(fc.constantFrom('', '', 'mainrs/', 'domain-c7/'), fc.nat(70_000))
  .map((parts) => parts.join(''))
const protocol = fc.constantFrom('TCP', 'UDP', 'ICMP', 'ICMP6', 'PROTO 1', 'PROTO 103')
const flow = fc
  .tuple(
    reason,
    maybe(action.map((name) => `${name} `)),
    rule,
    fc.constantFrom('IN', 'OUT'),
    maybe(fc.nat(9000).map((n) => `${n} `)),
    protocol,
    fc.constantFrom('', '', '', 'RST ', 'FIN ', 'TIMEOUT ', '8 0 '),
    fc.oneof(fc.tuple(fc.constant('INET'), v4, v4), fc.tuple(fc.constant('INET6'), v6, v6)),
    maybe(port),
    maybe(port),
    fc.constantFrom('', ' S', ' SEW', ' 5/4 310/240', ' R', ' 12/0'),
  )
  .map(([why, what, id, way, length, proto, close, [family, source, target], from, to, tail]) => {
    const ends = `${source}${from}->${target}${to}`
    return `${family} ${why} ${what}${id} ${way} ${length}${proto} ${close}${ends}${tail}`
  })
const hex = (max: number): fc.Arbitrary<string> => word('0123456789abcdefABCDEF', max)
const before = fc.oneof(
  fc.constantFrom('', '5c4d7b1e ', '1234567890 ', '00000000 '),
  fc.tuple(fc.nat(99), hex(16), hex(16)).map(([vrf, high, low]) => `<${vrf} ${high}:${low}> `),
)
const label = maybe(word('acmeGLO-_ 0123456789\xc3\xa4SF', 40).map((text) => ` ${text}`))
const firewall = fc.tuple(before, flow, label).map((parts) => parts.join(''))
const other = fc.constantFrom(
  '[Originator@6876 sub=Vimsvc opID=kx3f-19 user=root] Event 406 : Created',
  'cpu3:2097620)World: 12075: vcrun[0]',
  'INET',
  '',
  'a message of some words',
)

/** One frame, without framing. */
export const frame = fc
  .tuple(header, fc.oneof({ weight: 12, arbitrary: firewall }, { weight: 1, arbitrary: other }))
  .map((parts) => parts.join(''))
