/** Does `check` warn where a newline in one stream's text could make a firewall line? */
import { expect, test } from 'vitest'
import { checkForgeable } from '../../../src/rules/check-forgeable.ts'
import type { SourceSettings, ListenerSettings } from '../../../src/config/types.ts'
import { source, tcpSettings, udpSettings } from '../../support/listening.ts'

const streams = [
  { name: 'nsxt.dfw', label: 'rest' },
  { name: 'nsxt.gateway', label: 'rest' },
  { name: 'esxi', label: 'none' },
] as unknown as Parameters<typeof checkForgeable>[1]['streams']

function warned(listeners: ListenerSettings[], ...sources: SourceSettings[]): string[] {
  const found = checkForgeable({ file: '/etc/logweir.yaml', listeners, sources }, { streams })
  expect(found.every(({ level, hint }) => level === 'warning' && hint.includes('octet'))).toBe(true)
  return found.map(({ message }) => message)
}

const hosts = (from: string[], may: string[] | null): SourceSettings => ({
  ...source('hosts', from),
  streams: may,
})
const both = hosts(['10.20.0.0/22'], ['esxi', 'nsxt.dfw'])

test.each(['auto', 'newline'] as const)('%s: text and firewall lines over newlines', (framing) => {
  expect(warned([tcpSettings({ name: 'in', framing })], both)).toEqual([
    'sources[0].streams: hosts may send esxi and nsxt.dfw to in, where a newline ends a frame: ' +
      'text of the one that holds a newline could become a line of the other, with any label',
  ])
  expect(warned([tcpSettings({ framing })], hosts(['10.20.0.0/22'], null))).toHaveLength(1)
})

test('not where frames are counted or are datagrams, or only one of both is sent', () => {
  expect(warned([tcpSettings({ framing: 'octet-counting' }), udpSettings()], both)).toEqual([])
  const one = [tcpSettings()]
  expect(warned(one, hosts(['10.20.0.0/22'], ['nsxt.dfw', 'nsxt.gateway']))).toEqual([])
  expect(warned(one, hosts(['10.20.0.0/22'], ['esxi']))).toEqual([])
})

test('not where the listener does not let the source in, and not for this machine itself', () => {
  const allow = (...networks: string[]): ListenerSettings[] => [tcpSettings({ allow: networks })]
  expect(warned(allow('10.99.0.0/16', '2001:db8::/32'), both)).toEqual([])
  expect(warned(allow('10.0.0.0/8'), both)).toHaveLength(1)
  expect(warned(allow('10.20.1.7/32'), both)).toHaveLength(1)
  expect(warned(allow('0.0.0.0/0'), both)).toHaveLength(1)
  expect(warned([tcpSettings()], hosts(['127.0.0.0/8', '::1/128'], null))).toEqual([])
  expect(warned([tcpSettings()], hosts(['::/0'], null))).toHaveLength(1)
})
