import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Classifier } from '../../../src/classify/classifier.ts'
import { EventView, Fw } from '../../../src/classify/view.ts'
import { ruleSet } from '../../support/rule-set.ts'

const DFW =
  '<181>1 2026-01-02T03:04:05.678Z esx01.example.com FIREWALL_PKTLOG 2106467 - - 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S acme-label'
const BSD =
  '<13>Jan  2 03:04:05 esx01 sshd[77]: login of bob from ESX01.example.com via esx01-mgmt, esx01; esx012'
const NSX =
  '<14>1 2026-01-02T03:04:05.678Z edge-7 NSX 1234 FIREWALL [nsx@6876 comp="nsx-edge" host="edge-7.x" user="b\\"ob"] text of edge-7'

const rules = (forwarder: string, scope = 'provider: { forwarders: [') =>
  ruleSet(`version: 1\n${scope}{ name: a, to: "udp://10.0.0.1", ${forwarder} }] }\n`)
const text = (forwarder: string, line: string): string => rules(forwarder).edited('provider/a', line).text

/** What the bytes that go out say when they are read again, as encoders do. */
function fields(forwarder: string, line: string): Record<string, string> {
  const set = rules(forwarder)
  const { view } = set.edited('provider/a', line)
  const again = new EventView()
  again.buf = view.buf
  again.start = view.start
  again.end = view.end
  const stream = view.stream
  new Classifier(set.plan.streams).read(again, stream)
  const found: Record<string, string> = {}
  const put = (name: string, start: number, end: number): void => {
    if (start >= 0) found[name] = again.buf.toString('utf8', start, end)
  }
  put('hostname', again.host_start, again.host_end)
  put('label', again.label_start, again.label_end)
  for (const name of [
    'action',
    'rule_id',
    'source_ip',
    'source_port',
    'destination_ip',
    'destination_port',
  ] as const)
    put(name, again.fw[Fw[name]] as number, again.fw[Fw[name] + 1] as number)
  return found
}

test('a forwarder that changes nothing has no editor', () => {
  expect(rules('hide_hosts: false, redact: [], set: {}').plan.edits).toEqual([])
})

describe('redaction by field', () => {
  test.each([
    ['{ field: source_ip }', { source_ip: '0.0.0.0', destination_ip: '10.0.0.5' }],
    ['{ field: address, with: 192.0.2.1 }', { source_ip: '192.0.2.1', destination_ip: '192.0.2.1' }],
    ['{ field: address, keep: { ipv4: 16 } }', { source_ip: '10.1.0.0', destination_ip: '10.0.0.0' }],
    ['{ field: port }', { source_port: '0', destination_port: '0' }],
    ['{ field: [rule_id, source_port], with: "7" }', { rule_id: '7', source_port: '7' }],
    ['{ field: label, keep: { first: 2, last: 1 } }', { label: 'ac*******l' }],
    ['{ field: hostname, with: hidden }', { hostname: 'hidden' }],
  ])('%s', (entry, expected) => {
    expect(fields(`redact: [${entry}]`, DFW)).toMatchObject({ action: 'DROP', ...expected })
  })

  test('hashes keep the form of the field, equal values stay equal, and tell nothing without the key', () => {
    const one = fields('redact: [{ field: [address, rule_id, label], hash: true }]', DFW)
    expect(one['source_ip']).toMatch(/^24\d|25[0-5]\./)
    expect(one['rule_id']).toMatch(/^\d{10}$/)
    expect(one['label']).toMatch(/^h[0-9a-f]{16}$/)
    const other = DFW.replace('10.0.0.5', '10.1.2.3')
    const two = fields('redact: [{ field: [address, rule_id, label], hash: true }]', other)
    expect(two['destination_ip']).toBe(one['source_ip'])
    expect(two['source_ip']).toBe(one['source_ip'])
    expect(one['destination_ip']).not.toBe(one['source_ip'])
  })

  test('a hash is HMAC-SHA-256 under a key of the scope', () => {
    const scope = createHmac('sha256', 'a key that tests hash with')
      .update('logweir redaction\nprovider')
      .digest()
    const made = createHmac('sha256', scope).update('acme-label').digest('hex').slice(0, 16)
    expect(fields('redact: [{ field: label, hash: true }]', DFW)['label']).toBe(`h${made}`)
  })

  test('two tenants have different hashes for one value', () => {
    const tenant = (name: string): string =>
      `- { name: ${name}, labels: [${name}], forwarders: [{ name: a, to: "udp://10.0.0.1", redact: [{ field: source_ip, hash: true }] }] }`
    const set = ruleSet(`version: 1\ntenants:\n  ${tenant('acme')}\n  ${tenant('globex')}\n`)
    expect(set.edited('acme/a', DFW).text).not.toBe(set.edited('globex/a', DFW).text)
  })

  test('IPv6 addresses stay such', () => {
    const six = DFW.replace('INET', 'INET6')
      .replace('10.1.2.3', '2001:db8:1:2::3')
      .replace('10.0.0.5', 'fe80::1')
    expect(fields('redact: [{ field: address, keep: { ipv6: 48 } }]', six)).toMatchObject({
      source_ip: '2001:db8:1:0:0:0:0:0',
      destination_ip: 'fe80:0:0:0:0:0:0:0',
    })
    expect(fields('redact: [{ field: source_ip, hash: true }]', six)['source_ip']).toMatch(/^fd[0-9a-f]{2}:/)
    expect(fields('redact: [{ field: source_ip }]', six)['source_ip']).toBe('::')
  })

  test('parameters of structured data, each by its name', () => {
    expect(text('redact: [{ field: structured_data.nsx@6876.user, hash: true }]', NSX)).toMatch(
      /comp="nsx-edge" host="edge-7\.x" user="h[0-9a-f]{16}"\] text/,
    )
  })

  test('what an event does not have is left alone', () => {
    expect(text('redact: [{ field: [source_ip, label, msg_id] }]', BSD)).toBe(BSD)
  })
})

describe('redaction by pattern', () => {
  test('replaces what matches in message and structured data, header fields stay', () => {
    expect(text('redact: [{ pattern: "edge-\\\\d" }]', NSX)).toBe(
      NSX.replace('host="edge-7.x"', 'host="redacted.x"').replace('of edge-7', 'of redacted'),
    )
  })
  test('replaces groups only, where the pattern has any', () => {
    expect(text('redact: [{ pattern: "login of (\\\\w+) from (\\\\S+)", with: "?" }]', BSD)).toBe(
      BSD.replace('of bob from ESX01.example.com', 'of ? from ?'),
    )
  })
  test('counts bytes as UTF-8', () => {
    const line = '<13>Jan  2 03:04:05 h t: Grüße an bäck und bäck'
    expect(text('redact: [{ pattern: "b(.)ck", with: "" }]', line)).toBe(
      '<13>Jan  2 03:04:05 h t: Grüße an bck und bck',
    )
    expect(text('redact: [{ pattern: "Gr[^ ]+", keep: { first: 3 } }]', line)).toContain(' Grü** an ')
  })
  test('within a field only', () => {
    expect(text('redact: [{ pattern: "0", field: hostname }]', DFW)).toBe(
      DFW.replace('esx01', 'esxredacted1'),
    )
  })
  test('more matches than are kept apart: the whole body goes', () => {
    const line = `${BSD.slice(0, 40)}${'a '.repeat(600)}`
    const found = text('redact: [{ pattern: a, with: b }, { field: hostname, with: x }]', line)
    expect(found).toMatch(/^<13>Jan {2}2 03:04:05 x sshd\[77\]: redacted$/)
  })
})

describe('where replacements meet', () => {
  test('the outer one wins, and never shows what the inner one hides', () => {
    expect(text('redact: [{ pattern: "of bob", with: A }, { pattern: bob, with: B }]', BSD)).toContain(
      'login A from',
    )
    expect(
      text('redact: [{ pattern: "of bob from", keep: { first: 11 } }, { pattern: bob, with: B }]', BSD),
    ).toContain('login redacted ESX01')
  })
  test('halves are replaced as one', () => {
    expect(text('redact: [{ pattern: "of bob", with: A }, { pattern: "bob from", with: B }]', BSD)).toContain(
      'login redacted ESX01',
    )
  })
})

describe('hidden hosts', () => {
  test('in header and message, alone and with a domain, in any case, and no other word', () => {
    const found = text('hide_hosts: true', BSD)
    const [, token = ''] = /(host-[0-9a-f]{8})/.exec(found) ?? []
    expect(found).toBe(
      `<13>Jan  2 03:04:05 ${token} sshd[77]: login of bob from ${token}.example.com via esx01-mgmt, ${token}; esx012`,
    )
  })
  test('with its domain as a whole', () => {
    const line = BSD.replace('05 esx01', '05 esx01.example.com')
    const [, token = ''] = /(host-[0-9a-f]{8})/.exec(text('hide_hosts: true', line)) ?? []
    expect(text('hide_hosts: true', line)).toContain(`from ${token} via esx01-mgmt, ${token}; esx012`)
  })
  test('in structured data, and the sender’s address', () => {
    const { text: found, view } = rules('hide_hosts: true').edited('provider/a', NSX)
    expect(found).toMatch(/host="host-[0-9a-f]{8}\.x".*text of host-[0-9a-f]{8}$/)
    expect(view.peer).toMatch(/^(24\d|25[0-5])\./)
    expect(rules('hide_hosts: true').edited('provider/a', NSX).view.peer).toBe(view.peer)
  })
  test('a flow’s address that is the host’s own stays an address', () => {
    const line = DFW.replace('esx01.example.com', '10.1.2.3')
    expect(fields('hide_hosts: true', line)).toMatchObject({ source_ip: '10.1.2.3', action: 'DROP' })
  })
  test('an address is hidden as a whole, not by its first number', () => {
    expect(text('hide_hosts: true', '<13>Jan  2 03:04:05 10.20.0.9 t: 10 x 10.20.0.9 10.20.0.90')).toMatch(
      /^<13>Jan {2}2 03:04:05 (host-\w+) t: 10 x \1 10\.20\.0\.90$/,
    )
  })
})

describe('names that a sender repeats in its header', () => {
  const line = (times: number): string =>
    `<181>1 2026-01-02T03:04:05.678Z h1 ${'h1.'.repeat(times)} - - - text of h1`
  test('are hidden each, as far as there is room for them', () => {
    expect(text('hide_hosts: true', line(500))).toMatch(
      /^<181>1 2026\S+ host-\w+ (host-\w+\.){500} - - - text of host-\w+$/,
    )
  })
  // The buffer of a read holds other tenants' frames before this one.
  test.each([509, 510, 511, 512, 513, 700, 5000])(
    '%i times: nothing of them is shown, nor what lies beside the frame',
    (times) => {
      const found = text('hide_hosts: true', line(times))
      expect(found).not.toContain('h1')
      expect(found).not.toContain('before')
    },
  )
  test('more than there is room for: nothing of the event is shown', () => {
    expect(text('hide_hosts: true', line(700))).toBe('redacted')
  })
})

describe('set', () => {
  test('replaces what the header has', () => {
    expect(text('set: { hostname: fw, app_name: x, facility: local0, severity: 4 }', BSD)).toBe(
      BSD.replace('<13>', '<132>').replace('05 esx01 sshd', '05 fw x'),
    )
    expect(text('set: { severity: error }', BSD)).toBe(BSD.replace('<13>', '<11>'))
    const anew = '<11>1 2026-02-03T04:05:06.000Z - prog 1 - - text > more'
    expect(text('set: { severity: error }', '2026-02-03T04:05:06Z No(13) prog[1]: text > more')).toBe(anew)
    expect(text('set: { severity: error }', '59 <13>1 2026-02-03T04:05:06Z - prog 1 - - text > more')).toBe(
      anew,
    )
  })
  test('writes a header anew that lacks it', () => {
    expect(text('set: { msg_id: id, hostname: fw }', BSD)).toBe(
      `<13>1 2026-01-02T03:04:05.000Z fw sshd 77 id - ${BSD.slice(BSD.indexOf('login'))}`,
    )
    expect(text('set: { msg_id: id }', DFW)).toBe(DFW.replace('2106467 - -', '2106467 id -'))
    expect(text('set: { severity: 0, hostname: h }', 'no header at all')).toMatch(
      /^<8>1 2026-02-03T04:05:06\.789Z h - - - - no header at all$/,
    )
    expect(fields('set: { msg_id: id }, redact: [{ field: source_ip }]', DFW)).toMatchObject({
      source_ip: '0.0.0.0',
    })
  })
})
