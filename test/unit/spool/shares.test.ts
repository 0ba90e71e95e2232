import { expect, test } from 'vitest'
import { MiB, OpenSpool, row, TempFolder } from '../../support/spools.ts'

const ALL = 100 * MiB

function fill(open: OpenSpool, key: string): string {
  for (let n = open.spool.state(key).last_sequence + 1; n < 1000; n++) {
    const result = open.spool.write(key, [row(n, key, 2, 60_000)], ALL)
    if (result.outcome !== 'committed') return result.reason
  }
  return 'never full'
}

test('forwarders of one tenant share its disk, and room comes back by itself', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path, { tenant_disk_max: 2 * MiB })
  expect(fill(open, 'acme/a')).toMatch('tenant_disk_max')
  expect(fill(open, 'acme/b')).toMatch('tenant_disk_max')
  expect(open.spool.write('acme2/a', [row(0, 'acme2/a')], ALL).outcome).toBe('committed')
  expect(open.spool.write('provider/a', [row(0, 'provider/a')], ALL).outcome).toBe('committed')
  open.spool.dropOldest('acme/a', -1, ALL)
  expect(open.spool.write('acme/b', [row(0, 'acme/b')], ALL).outcome).toBe('committed')
})

test('the provider may not take more than its share, in all workers together', () => {
  using folder = new TempFolder()
  using open = new OpenSpool(folder.path, { provider_disk_max: 2 * MiB })
  expect(fill(open, 'provider/a')).toMatch('provider_disk_max')
  expect(fill(open, 'provider/b')).toMatch('provider_disk_max')
  expect(open.spool.write('acme/a', [row(0, 'acme/a')], ALL).outcome).toBe('committed')
})
