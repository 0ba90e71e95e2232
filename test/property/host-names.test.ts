import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eachName } from '../../src/rules/host-names.ts'

type Found = [number, number][]

const isWord = (char: string | undefined): boolean => char !== undefined && /[A-Za-z0-9_-]/.test(char)

/** The same as it reads: at each place the name with its domain, else its first word, neither beside a letter of a word. */
function plain(text: string, host: string): Found {
  const found: Found = []
  const dot = host.indexOf('.')
  const short = dot < 3 ? host : host.slice(0, dot)
  for (let at = 0; at < text.length; at++) {
    if (isWord(text[at - 1])) continue
    const fits = [host, short].find(
      (name) =>
        text.slice(at, at + name.length).toLowerCase() === name.toLowerCase() &&
        !isWord(text[at + name.length]),
    )
    if (fits === undefined) continue
    found.push([at, at + fits.length])
    at += fits.length - 1
  }
  return found
}

function quick(text: string, host: string): Found {
  const buf = Buffer.from(`${host}|${text}|`, 'latin1')
  const from = host.length + 1
  const found: Found = []
  eachName(buf, from, from + text.length, 0, host.length, (start, end) =>
    found.push([start - from, end - from]),
  )
  return found
}

/** Few letters, so that names repeat themselves and texts nearly name them. */
const some = (most: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'A', '.', '.', 'b', '-'), minLength: 1, maxLength: most })
const host = fc.oneof(
  some(8),
  fc
    .tuple(some(4), fc.nat(60), some(3))
    .map(([part, times, end]) => (part.repeat(times) + end).slice(0, 255)),
)

test('a host is found where it is named, whatever its name is', () => {
  let names = 0
  let overlaps = 0
  fc.assert(
    fc.property(
      host.chain((name) =>
        fc.tuple(
          fc.constant(name),
          fc.array(
            fc.oneof(
              fc.constant(name),
              fc.nat(name.length).map((n) => name.slice(0, n)),
              some(6),
            ),
            {
              maxLength: 8,
            },
          ),
          fc.constantFrom('', ' ', '.'),
        ),
      ),
      ([name, parts, between]) => {
        const text = parts.join(between)
        const expected = plain(text, name)
        expect([name, text, quick(text, name)]).toEqual([name, text, expected])
        names += expected.length
        if (name.length > 40 && text.length > 80) overlaps += 1
      },
    ),
    { numRuns: Number(process.env['LOGWEIR_FUZZ_RUNS'] ?? 3000) },
  )
  expect(names).toBeGreaterThan(1000)
  expect(overlaps).toBeGreaterThan(100)
})
