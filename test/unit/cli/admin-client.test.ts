/** Where does a command look for the running router? */
import path from 'node:path'
import { expect, test } from 'vitest'
import { adminUrl, parseAdmin } from '../../../src/cli/admin-client.ts'

test('what is listened on is turned into what can be reached', () => {
  expect(adminUrl({ kind: 'inet', host: '127.0.0.1', port: 8514 })).toBe('http://127.0.0.1:8514')
  expect(adminUrl({ kind: 'inet', host: '0.0.0.0', port: 8514 })).toBe('http://127.0.0.1:8514')
  expect(adminUrl({ kind: 'inet', host: '::', port: 8514 })).toBe('http://[::1]:8514')
  expect(adminUrl({ kind: 'unix', path: '/run/logweir.sock' })).toBe('unix:/run/logweir.sock')
  expect(() => adminUrl({ kind: 'inet', host: '127.0.0.1', port: 0 })).toThrow(/choose the port/)
})

test('an address can be given', () => {
  expect(parseAdmin('http://10.0.0.1:8514/x')).toMatchObject({
    origin: 'http://10.0.0.1:8514',
    socketPath: null,
  })
  expect(parseAdmin('unix:some.sock')).toMatchObject({ socketPath: path.resolve('some.sock') })
  for (const wrong of ['127.0.0.1:8514', 'ftp://x', 'unix:', 'http://u:p@h:1', ''])
    expect(() => parseAdmin(wrong), wrong).toThrow(/does not say where/)
})
