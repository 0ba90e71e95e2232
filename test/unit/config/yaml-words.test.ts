/** Does an operator who breaks a file's form read what to mend, where it began, and nothing that only follows from it? */
import { expect, test } from 'vitest'
import type { Finding } from '../../../src/config/findings.ts'
import { parseYaml } from '../../../src/config/yaml.ts'

const GOOD = `version: 1
tenants:
  - name: acme
    org_vdcs:
      - { name: acme-prod, id: 5b2a }
      - { name: acme-test, id: 5b2b }
    forwarders:
      - name: siem
        to: tls://192.0.2.29:6514
        where: { stream: [nsxt.dfw, nsxv.dfw], action: [DROP, REJECT] }
        hide_hosts: true
        queue: { memory_max: 8MiB }
  - name: globex
    forwarders:
      - name: siem
        to: tls://192.0.2.30:6514
        where: { message: { matches: "a\\\\d" } }
`

const CASES: readonly (readonly [what: string, from: string, to: string, found: string])[] = [
  [
    'a tab',
    '    forwarders:\n      - name: siem',
    '\tforwarders:\n      - name: siem',
    '7:1: a tab indents this line | YAML indents with blanks',
  ],
  [
    'one blank too few',
    '        to: tls',
    '       to: tls',
    '9:8: this line belongs to no entry of the list above | indent it exactly as the other keys of its entry, or begin it with `- `',
  ],
  [
    'one blank too many',
    '        to: tls',
    '         to: tls',
    '9:10: this line is indented deeper than the key above, which has its value already | indent both alike',
  ],
  [
    'a dash too far out',
    '      - name: siem',
    '    - name: siem',
    '9:9: this line is indented deeper than the key above, which has its value already | indent both alike',
  ],
  [
    'a dash too far in',
    '      - name: siem',
    '       - name: siem',
    '9:9: this line belongs to no entry of the list above | indent it exactly as the other keys of its entry, or begin it with `- `',
  ],
  [
    'an entry too far out',
    '      - { name: acme-test',
    '     - { name: acme-test',
    '6:6: this line stands neither with the entries above nor inside one of them | indent it as the line that it belongs to',
  ],
  [
    'no blank behind a colon',
    'to: tls://192.0.2.29',
    'to:tls://192.0.2.29',
    '9:9: no blank behind the colon of `to:` | write `to: …`',
  ],
  [
    'no colon',
    'to: tls://192.0.2.29',
    'to tls://192.0.2.29',
    '9:9: no colon behind `to` | write `to: …`; a text of several lines needs quotes',
  ],
  [
    'two colons',
    'name: acme\n',
    'name: acme: one\n',
    '3:11: a key inside the value of a key on the same line | put texts with `: ` in quotes, and keys on lines of their own',
  ],
  ['an open [', 'REJECT] }', 'REJECT }', '10:56: `[` is opened here and not closed | add `]` where it ends'],
  ['an open {', 'REJECT] }', 'REJECT]', '10:16: `{` is opened here and not closed | add `}` where it ends'],
  [
    'a ] that nothing opened',
    '[DROP, REJECT] }',
    'DROP, REJECT] }',
    '10:68: `]` closes nothing that is open | remove it, or open what it should close',
  ],
  [
    'a } that nothing opened',
    'REJECT] }',
    'REJECT] } }',
    '10:73: `}` closes nothing that is open | remove it, or open what it should close',
  ],
  [
    'no comma between keys',
    'acme-test, id',
    'acme-test id',
    '6:17: a list, or a key inside the value of a key, within `{ }` or `[ ]` | put `, ` between entries, or close what is open above',
  ],
  [
    'no comma behind a list',
    '], action',
    '] action',
    '10:47: a comma is missing before this | separate entries with `, `, and put texts with `,` `[` or `{` in quotes',
  ],
  ['two commas', 'DROP, REJECT', 'DROP,, REJECT', '10:62: a comma with no entry before it | remove it'],
  [
    'an open "',
    'to: tls://192.0.2.30',
    'to: "tls://192.0.2.30',
    '16:13: `"` is opened here and not closed | add `"` where it ends',
  ],
  [
    "an open '",
    'to: tls://192.0.2.30',
    "to: 'tls://192.0.2.30",
    "16:13: `'` is opened here and not closed | add `'` where it ends",
  ],
  [
    'a pattern in double quotes',
    'a\\\\d',
    'a\\d',
    '17:40: "\\\\d" means nothing in double quotes | write patterns in single quotes, \'…\', where a backslash is a backslash',
  ],
  [
    'a star',
    '[DROP, REJECT]',
    '[*]',
    '10:57: `*` stands before the name of an anchor, and there is none of this name above | put texts that begin with `*` in quotes',
  ],
  [
    'a star and a name',
    '[DROP, REJECT]',
    '[*drop]',
    '10:57: `*` stands before the name of an anchor, and there is none of this name above | put texts that begin with `*` in quotes',
  ],
  ['an @', 'to: tls://192.0.2.29', 'to: @siem', '9:13: a text cannot begin with "@" | put it in quotes'],
  [
    'a text behind quotes',
    'name: acme\n',
    'name: "acme" one\n',
    '3:18: text behind the end of a value | put all of it in one pair of quotes',
  ],
  [
    'a # on a bracket',
    'REJECT] }',
    'REJECT] }#drops',
    '10:72: `#` directly behind a text | put a blank before a comment, or the text in quotes',
  ],
  [
    'two documents',
    'tenants:',
    '---\ntenants:',
    '2:1: a second document begins here | one file holds one document: remove `---`',
  ],
]

function found(text: string): string[] {
  const findings: Finding[] = []
  parseYaml('/x.yaml', text, findings)
  return findings.map(({ line, column, message, hint }) => `${line}:${column}: ${message} | ${hint}`)
}

test('the file itself is right', () => {
  expect(found(GOOD)).toEqual([])
})

test.each(CASES)('%s is told once, where it is to be mended', (_, from, to, told) => {
  expect(GOOD).toContain(from)
  expect(found(GOOD.replace(from, to))).toEqual([told])
})

test('mistakes in two tenants are both told', () => {
  const text = GOOD.replace('        to: tls', '       to: tls').replace('globex', '{globex')
  expect(found(text).map((line) => line.slice(0, line.indexOf(':')))).toEqual(['9', '13'])
})

test.each(['a: [[[\n', 'a: "b\n', "a: '[b\n", 'a: }\n', '[]\n', 'a:\n - [\nb:\n'])(
  'thousands of %j are a handful of findings',
  (line) => {
    const count = found(line.repeat(2000)).length
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(100)
  },
)
