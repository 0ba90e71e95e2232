/** Collected raw lines: understood as the formats' description says. The lines stay where they are; only line numbers are here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { linesOf, Reader } from '../../support/classify.ts'
import { lostText } from '../../support/spans.ts'

const SAMPLES = join(import.meta.dirname, '../../../../shared/samples')
const there = existsSync(SAMPLES)
const reader = new Reader()

/** stream, header, valid, label, then the firewall fields that are there, in their order. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'nsxt-dfw.log': [
    'nsxt.dfw rfc5424 true DR-Allow | TERM PASS 5096 OUT 4 TCP 10.10.10.11 60517 10.10.10.10 443 RST 9 8 1461 4677',
    'nsxt.dfw rfc3339 false - | match PASS 1024 IN 4 52 TCP 192.168.4.3 49627 192.168.4.4 49153 SEW',
    'nsxt.dfw rfc3339 false - | match DROP 1024 OUT 4 52 TCP 192.168.4.3 49676 192.168.4.4 135 SEW',
    'nsxt.dfw rfc3339 false - | match DROP 1027 IN 4 36 2 0.0.0.0 224.0.0.1',
    'nsxt.dfw rfc3339 false - | match DROP 1027 OUT 6 143 UDP fe80:0:0:0:68c2:8472:2364:9be 546 ff02:0:0:0:0:0:1:2 547',
    'nsxt.dfw rfc3339 false - | match PASS 2 OUT 4 84 ICMP 1.1.1.10 1.1.3.10',
    'nsxt.dfw rfc3339 false - | match PASS 2 IN 4 84 ICMP 1.1.1.10 1.1.3.10',
    'nsxt.dfw rfc3339 false - | match PASS 25577 OUT 4 84 ICMP 192.168.72.10 192.168.72.17',
    'nsxt.dfw rfc3339 false - | match PASS 25577 IN 4 84 ICMP 192.168.72.10 192.168.72.17',
    'nsxt.dfw rfc5424 true DR-Allow | TERM PASS 5096 OUT 4 TCP 10.10.10.11 60517 10.10.10.10 443 RST 9 8 1461 4677',
  ],
  'nsxt-gateway.log': [
    'nsxt.gateway rfc5424 true - | match PASS 1005 OUT 4 60 TCP 1.1.1.10 45120 91.189.92.38 443 S',
    'nsxt.gateway rfc5424 true - | TERM PASS 1005 OUT 4 TCP 1.1.1.10 45120 91.189.92.38 443',
    'nsxt.gateway rfc5424 false - | match DROP 2312 OUT 4 84 1 192.168.211.169 8.8.8.8',
  ],
  'nsxv-dfw.log': [
    'nsxv.dfw rfc3339 false - | match DROP 1002 IN 4 242 UDP 192.168.110.10 138 192.168.110.255 138',
    'nsxv.dfw rfc3339 false - | TERM 1001 IN 4 TCP 10.1.2.3 33491 10.4.5.6 10001 RST 22 14 7684 1070',
    'nsxv.dfw rfc3339 false RULE_TAG | match PASS 1006 OUT 4 84 ICMP 172.18.8.121 172.18.8.119',
    'nsxv.dfw rfc3339 false RULE_TAG | match PASS 1006 OUT 4 60 TCP 172.18.8.121 36485 172.18.8.119 22 S',
    'nsxv.dfw rfc3339 false RULE_TAG | TERM 1006 OUT 4 ICMP 172.18.8.121 172.18.8.119 8 0 2 2 168 168',
    'nsxv.dfw none false - | match DROP 1101 IN 4 125 TCP 10.10.10.11 4002 10.10.10.12 49975 PA',
    'nsxv.dfw none false - | match PASS 1032 IN 4 60 TCP 192.168.1.201 47629 192.168.1.205 22 S',
  ],
  'nsxv-edge.log': [
    'nsxv.edge none false 69e9c2b7-ee9f-4a3e-80f0-8ffc66aac147 | DROP 131073 4 229 UDP 10.11.12.53 138 10.11.12.255 138',
    'nsxv.edge none false 69e9c2b7-ee9f-4a3e-80f0-8ffc66aac147 | DROP 131073 4 84 ICMP 10.11.254.108 10.11.12.181 8 0',
    'nsxv.edge none false 69e9c2b7-ee9f-4a3e-80f0-8ffc66aac147 | DNAT 4 52 TCP 173.8.227.70 54740 209.143.151.73 3389 SYN',
  ],
}

/**
 * The stream of every line of the other files: one word for all of them, or one a line. Some files hold texts whose header a
 * collector took away: what says nothing of its sender is `other`.
 */
const STREAMS: Readonly<Record<string, string>> = {
  'esxi-body.log': 'other esxi other',
  'esxi-file.log': 'esxi',
  'esxi-malformed.log': 'esxi',
  'esxi-nopri.log': 'esxi',
  'esxi.log': 'esxi',
  'horizon.log': 'other',
  'nsxt-esx-agent.log': 'nsxt.agent',
  // Its second line is the rest of the first behind a newline.
  'nsxt-manager-malformed.log': 'nsxt.manager other',
  'nsxt-manager.log': 'nsxt.manager',
  'nsxv-edge-malformed.log': 'nsxv.edge',
  'nsxv-manager-malformed.log': 'nsxv.manager',
  'nsxv-manager.log': 'nsxv.manager',
  'sc4s-templates.log':
    'vcenter esxi nsxt.manager nsxv.dfw vcenter other nsxt.dfw esxi esxi esxi esxi esxi esxi esxi esxi esxi esxi ' +
    'vcenter vcenter nsxt.manager nsxv.dfw vcenter nsxt.manager nsxv.dfw nsxv.manager nsxv.manager',
  'tas-malformed.log': 'cf',
  // The third has neither structured data nor a PROCID in brackets: nothing says what it is.
  'tas-octet-counted-malformed.log': 'cf cf other cf cf cf cf cf',
  'tas-octet-counted.log': 'cf',
  'tas-truncated.log': 'cf',
  'tas.log': 'cf',
  'vcenter-body.log': 'vcenter',
  'vcenter-malformed.log': 'vcenter',
  'vcenter.log': 'vcenter',
}

/** A line as its sender would have written it: templates filled, escapes that the collection wrote out taken back, counts taken off. */
function asSent(name: string, line: Buffer): Buffer {
  let text = line.toString('latin1')
  if (name === 'sc4s-templates.log') {
    text = text
      .replaceAll('{{ mark }}', '<14>')
      .replaceAll(/\{\{ bsd \}\}|\{% now '\w+', '%b %d %H:%M:%S' %\}/g, 'Feb  3 04:05:06')
      .replaceAll(/\{\{ iso(_header)? \}\}/g, '2026-02-03T04:05:06')
      .replaceAll(/\{% now '\w+', '%Y-%m-%dT%H:%M:%SZ' %\}/g, '2026-02-03T04:05:06Z')
      .replaceAll('{{ host }}', 'host')
      .replaceAll('{{ pid }}', '4711')
  }
  if (name.startsWith('nsxv-edge')) text = text.replaceAll('\\n', '\n')
  if (name.startsWith('tas-octet')) text = text.replace(/^\d+ (?=<)/, '')
  return Buffer.from(text, 'latin1')
}

describe.skipIf(!there)(
  'collected lines (skipped where ../shared/samples is not beside the checkout)',
  () => {
    test.each(Object.keys(EXPECTED))('%s is understood line by line', (name) => {
      const read = linesOf(readFileSync(join(SAMPLES, name))).map((line) => {
        const { stream, header, valid, label, firewall } = reader.json(line)
        const { ruleset: _ruleset, interface: _interface, ...known } = firewall ?? {}
        const fields = Object.values(known).filter((value) => value !== null)
        return `${stream} ${header} ${valid} ${label ?? '-'} | ${fields.join(' ')}`
      })
      expect(read).toEqual(EXPECTED[name])
    })

    test.each(Object.keys(STREAMS))('%s: every line has its stream', (name) => {
      const lines = linesOf(readFileSync(join(SAMPLES, name)))
      const expected = STREAMS[name]?.split(' ') ?? []
      const read = lines.map((line) => reader.json(asSent(name, line)).stream)
      expect(read).toEqual(expected.length === 1 ? lines.map(() => expected[0]) : expected)
    })

    test('no file is left out', () => {
      const files = readdirSync(SAMPLES).filter((file) => file.endsWith('.log'))
      expect(files.toSorted()).toEqual([...Object.keys(EXPECTED), ...Object.keys(STREAMS)].toSorted())
    })

    test('no line without a firewall grammar throws, carries a label or loses text', () => {
      for (const name of Object.keys(STREAMS)) {
        for (const line of linesOf(readFileSync(join(SAMPLES, name)))) {
          const event = reader.json(line)
          if (event.firewall === null) expect(event.label, name).toBeNull()
          expect(lostText(reader.view), name).toBe('')
        }
      }
    })
  },
)
