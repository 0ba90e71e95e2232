/** R29: what a sender or a tenant can write to be taken for another tenant, through classifier and rules. Nothing of it passes. */
import { describe, expect, test } from 'vitest'
import { Classifier } from '../../../src/classify/classifier.ts'
import { compileRules } from '../../../src/rules/compile.ts'
import { orphanReason, ownershipOf } from '../../../src/rules/ownership.ts'
import { readRules } from '../../../src/rules/read.ts'
import { viewOf } from '../../support/classify.ts'
import { gateway, idName, place, tenant, uuid } from '../../support/model.ts'

const GROUP = '7d0c91f2-3e4a-4b5c-8d6e-9f0a1b2c3d4e'
const OTHER = '1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9'
const ORG = 'c4d5e6f7-0819-4a2b-bc3d-4e5f60718293'
const EDGE = '0123456789abcdef:fedcba9876543210'
const SOURCES = [
  { name: 'hosts', site: 'fra1', streams: ['esxi', 'nsxt.dfw', 'nsxt.gateway', 'cf'] },
  { name: 'vcenter', site: 'fra1', streams: ['vcenter'] },
]

const key = (id: string) => ({ place: place(), id })
const acme = tenant('acme', {
  data_center_groups: [idName(GROUP, 'acme-dcg')],
  gateways: [
    {
      ...gateway(uuid(1), 'acme-gw', GROUP),
      interfaces: [key('01234567-89ab-cdef-fedc-ba9876543210')],
    },
  ],
  labels: ['ACME'],
  nsx_projects: [key('acme')],
  rule_ids: [{ place: place(), scope: { site: 'fra1' }, ids: ['3061'] }],
  cf_organizations: [key(ORG)],
})
const globex = tenant('globex', { data_center_groups: [idName(OTHER, 'globex')], labels: ['GLOBEX'] })

function made(): (line: string | Buffer, source?: number) => string {
  const { model } = readRules('.', { forwarders_per_tenant: 10, file_max: 1_000_000 }, {}, [])
  if (model === undefined) throw new Error('the shipped rules have errors')
  const limits = { forwarders_per_tenant: 10, sources: SOURCES }
  const { plan } = compileRules({ ...model, tenants: [acme, globex] }, 1, limits)
  if (plan === undefined) throw new Error('no plan')
  const ownership = ownershipOf(plan, SOURCES)
  const classifier = new Classifier(plan.streams)
  return (line, source = 1) => {
    const view = viewOf(line)
    view.source = source
    classifier.classify(view)
    const owner = ownership.decide(view)
    return plan.tenants[plan.owners[owner]?.tenant ?? -1]?.name ?? orphanReason(owner)
  }
}

const LABEL = `acme-${GROUP.slice(0, 27)}`
const HEAD = '<13>1 2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG 7 -'
const flow = (rule: string, label: string): string =>
  `5c4d7b1e INET match DROP ${rule} OUT 52 TCP 10.1.2.3/5->10.0.0.5/443 S ${label}`
const dfw = (label: string, rule = '5', sd = '-'): string => `${HEAD} ${sd} ${flow(rule, label)}`
const edge = (sd: string, label: string, id = EDGE): string =>
  `<181>1 2026-02-03T04:05:06Z e1 NSX 7 FIREWALL ${sd} <3 ${id}> INET match DROP 5 OUT 52 TCP 10.1.2.3/5->10.0.0.5/443 S ${label}`

describe('what is acme’s by right', () => {
  const whose = made()
  test.each([
    ['its label', dfw(LABEL)],
    ['its rule id', dfw('', '3061')],
    ['its project', dfw('', '5', '[nsx@6876 proj="acme"]')],
    ['its interface', edge('-', '')],
    [
      'its organization',
      `<14>1 2026-02-03T04:05:06Z o.s.a app [APP/PROC/WEB/0] - [tags@47450 organization_id="${ORG}"] x`,
    ],
  ])('%s', (_, line) => expect(whose(line)).toBe('acme'))
})

describe('what poses as acme’s', () => {
  const whose = made()
  test.each<[string, string | Buffer, string, number?]>([
    ['a host name', dfw('').replace('esx01', LABEL), 'no_label'],
    ['a program name', dfw('').replace('PKTLOG 7', `PKTLOG ${LABEL}`), 'no_label'],
    ['a parameter called label', dfw('', '5', `[x@1 label="${LABEL}" tenant="acme"]`), 'no_label'],
    ['a project in an element of the sender’s own', dfw('', '5', '[nsx@1 proj="acme"]'), 'no_label'],
    [
      'a project that repeats with another value',
      dfw('', '5', '[nsx@6876 proj="acme" proj="x"]'),
      'ambiguous_label',
    ],
    [
      'an element that repeats with another value',
      dfw('', '5', '[nsx@6876 proj="x"][nsx@6876 proj="acme"]'),
      'ambiguous_label',
    ],
    ['a project inside a value', dfw('', '5', '[nsx@6876 comp="\\" proj=\\"acme"]'), 'no_label'],
    ['a project in other letters', dfw('', '5', '[nsx@6876 proj="ACME"]'), 'no_label'],
    ['a project beside structured data that is none', dfw('', '5', '[nsx@6876 proj="acme"'), 'no_label'],
    ['two labels that disagree', dfw(`${LABEL} GLOBEX`), 'unknown_label'],
    ['two ids in one label', dfw(`${OTHER.slice(0, 27)}${GROUP.slice(0, 5)}`), 'unknown_label'],
    ['a literal in other letters', dfw('acme'), 'unknown_label'],
    ['a literal in Cyrillic letters', dfw('\u0410\u0421\u041c\u0415'), 'unknown_label'],
    ['a literal behind a zero byte', dfw('GLOBEX\u0000ACME'), 'unknown_label'],
    ['a literal cut by a zero byte', dfw('ACME\u0000'), 'unknown_label'],
    ['a literal with a blank that is none', dfw('ACME\u00a0'), 'unknown_label'],
    ['a label in the middle of text', dfw(`x ${LABEL} y`), 'unknown_label'],
    ['an id of which one digit differs', dfw(`${LABEL.slice(0, -1)}1`), 'unknown_label'],
    ['a label and another tenant’s rule id', dfw('GLOBEX', '3061'), 'ambiguous_label'],
    ['a label and another tenant’s interface', edge('-', 'GLOBEX'), 'ambiguous_label'],
    ['a label and another tenant’s project', dfw('GLOBEX', '5', '[nsx@6876 proj="acme"]'), 'ambiguous_label'],
    ['a rule id with more digits', dfw('', '03061'), 'no_label'],
    ['a rule id behind a rule set of NSX-V', `${HEAD} - ${flow('domain-c7/3061', '')}`, 'untrusted_source'],
    ['half of an interface', edge('-', '', '123456789abcdef:fedcba987654321'), 'no_label'],
    [
      'a firewall line in another program’s text',
      `<14>1 2026-02-03T04:05:06Z esx01 Hostd 7 - - ${flow('3061', LABEL)}`,
      'no_label',
    ],
    ['a firewall line from a source that sends none', dfw(LABEL, '3061'), 'untrusted_source', 2],
    ['keys from a source that sends none of that stream', edge('-', ''), 'untrusted_source', 2],
    ['a line from nowhere', dfw(LABEL), 'untrusted_source', 0],
    ['the tail of a cut line: a label without PRI', flow('3061', LABEL), 'untrusted_source'],
    [
      'a VM name with a line feed in it, by newline framing',
      `esx01 FIREWALL-PKTLOG: ${flow('5', LABEL)}`,
      'untrusted_source',
    ],
    [
      'an organization in the text',
      `<14>1 2026-02-03T04:05:06Z o.s.a app [APP/PROC/WEB/0] - - [tags@47450 organization_id="${ORG}"]`,
      'no_label',
    ],
    [
      'an organization’s name in the host name',
      `<14>1 2026-02-03T04:05:06Z acme.s.a app [APP/PROC/WEB/0] - [tags@47450 organization_name="acme"] x`,
      'no_label',
    ],
    [
      'a bracket in the label of a repeated line',
      `${HEAD} - message repeated 2 times: [ ${flow('5', `${LABEL} ] GLOBEX`)} ]`,
      'unknown_label',
    ],
    [
      'a label behind the bracket of a repeated line',
      `${HEAD} - message repeated 2 times: [ ${flow('5', '')}] ${LABEL}`,
      'no_label',
    ],
    [
      'what a relay passes on behind a header of its own',
      `<13>Jan  1 12:34:56 relay ${dfw(LABEL)}`,
      'untrusted_source',
    ],
    [
      'a user of NSX with a project in his name',
      '<182>1 2026-02-03T04:05:06Z m1 NSX 7 - [nsx@6876 comp="nsx-edge" username="x\\" proj=\\"acme"] login failed',
      'untrusted_source',
    ],
    [
      'an edge’s text with structured data in it',
      '<182>1 2026-02-03T04:05:06Z e1 NSX 7 FIREWALL - [nsx@6876 proj="acme"] x',
      'no_label',
    ],
    [
      'a user of vCenter with a line in his name',
      `<14>1 2026-02-03T04:05:06Z vc1 vpxd 7 - -  Event [1] [1-1] [t] [vim.event.X] [info] [${flow('3061', LABEL)}] [] [1] [x]`,
      'no_label',
      2,
    ],
    [
      'a program that posts a label as its pid',
      `<13>2026-02-03T04:05:06Z esx01 FIREWALL_PKTLOG[${LABEL}]: ${flow('5', '')}`,
      'no_label',
    ],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(dfw('')), Buffer.from([0xc1, 0x81]), Buffer.from('CME')]),
      'unknown_label',
    ],
  ])('%s', (_, line, expected, source) => {
    const found = whose(line, source)
    expect(found).not.toBe('acme')
    expect(found).toBe(expected)
  })
})
