/** Does the demo show the main job, and leave nothing behind? */
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../support/temp-folder.ts'
import { logweir } from './support.ts'

test('it ends with a table and a balanced ledger', async () => {
  const folder = tempFolder()
  const temporary = path.join(folder, 'tmp')
  mkdirSync(temporary)
  const { code, stdout, stderr } = await logweir(['demo'], { env: { TMPDIR: temporary } })
  expect(stdout, stderr).toMatch(/^tenant +forwarder +events +the first one$/m)
  for (const who of ['acme +archive', 'globex +archive', 'provider +everything'])
    expect(stdout).toMatch(new RegExp(`^${who} +[1-9]\\d* +\\S`, 'm'))
  expect(stdout).toMatch(/no tenant received another's events\nledger balanced\n$/)
  expect(code).toBe(0)
  expect(readdirSync(temporary)).toEqual([])
})
