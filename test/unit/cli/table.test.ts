/** Does the table of commands keep what the interface promises? */
import { expect, test } from 'vitest'
import { COMMANDS, LATER } from '../../../src/cli/table.ts'

test('every command has a summary and an example that begins with it', () => {
  for (const { name, summary, example } of COMMANDS) {
    expect(summary, name).toMatch(/^[a-z].*[^.]$/)
    expect(example.length, name).toBeGreaterThan(0)
    for (const line of example) expect(line).toMatch(new RegExp(`^logweir ${name}\\b`))
  }
})

test('no name is both there and yet to come', () => {
  const names = COMMANDS.map(({ name }) => name)
  expect(new Set([...names, ...LATER]).size).toBe(names.length + LATER.length)
})
