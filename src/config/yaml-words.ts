/**
 * The YAML parser's complaints in an operator's words: where it began (the quote that is never closed, not the end of the file),
 * what to write, and without those that only follow from an earlier one.
 */
import { quoted } from './quantities.ts'

/** What the parser says. */
export interface Complaint {
  readonly code: string
  readonly message: string
  readonly pos: readonly [number, number]
}

export interface Worded {
  readonly at: number
  readonly message: string
  readonly hint: string
}

/** In the order of the text. Of each mistake once: what the parser says until it has found its way again is left out. */
export function wordComplaints(text: string, complaints: readonly Complaint[]): Worded[] {
  const kept: Worded[] = []
  let last = -1
  for (const complaint of complaints.toSorted((a, b) => a.pos[0] - b.pos[0])) {
    // Where the parser has given up nothing it says means anything any more.
    const lost = / token in YAML stream/.test(complaint.message)
    if (last >= 0 && (lost || !foundBack(text, last, complaint.pos[0]))) continue
    const one = word(text, complaint)
    kept.push(one)
    if (!HARMLESS.includes(complaint.code)) last = one.at
  }
  return kept
}

/** The same of an alias that the parser finds missing only when it makes values, without a place. */
export function unresolvedAlias(text: string, message: string): Worded | undefined {
  const name = /^Unresolved alias.*: (\S{1,200})$/.exec(message)?.[1]
  const at = name === undefined ? -1 : text.indexOf(`*${name}`)
  return at < 0 ? undefined : { at, ...ALIAS }
}

/** The parser goes on behind these as if nothing were wrong. */
const HARMLESS = ['BAD_DQ_ESCAPE', 'BAD_SCALAR_START', 'BAD_ALIAS']

/** Whether between the two a line begins further out than the first one's: there the parser is on known ground again. */
function foundBack(text: string, from: number, to: number): boolean {
  const start = lineStart(text, from)
  // A tab counts for nothing: the parser goes on at the very beginning of a line.
  const depth = text[start] === '\t' ? 1 : indentOf(text, start)
  for (let at = text.indexOf('\n', from) + 1; at > 0 && at <= to; at = text.indexOf('\n', at) + 1) {
    const first = at + indentOf(text, at)
    const blank = first >= text.length || '\n\r#'.includes(text.charAt(first))
    if (!blank && first - at < depth) return true
  }
  return false
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1

function indentOf(text: string, at: number): number {
  let end = at
  while (text[end] === ' ') end += 1
  return end - at
}

function word(text: string, complaint: Complaint): Worded {
  const { code, message } = complaint
  const at = Math.min(complaint.pos[0], text.length)
  if (/^Flow (?:map|sequence)|^Missing closing/.test(message)) {
    const { open, stray } = openedAt(text, at, message)
    if (stray) return { at, ...closesNothing(text.charAt(at)) }
    if (open !== undefined) return unclosed(text, open)
  }
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return keyInValue(text, at)
  const known = BY_CODE[code]?.(text, at, message) ?? byMessage(text, at, message)
  // Of a line that stands wrong its first character is shown.
  const first = text[at] === ' ' ? at + indentOf(text, at) : at
  return { at: first, ...(known ?? { message: `YAML: ${message.replace(/\s+/g, ' ')}`, hint: '' }) }
}

type Words = Omit<Worded, 'at'>
type Wording = (text: string, at: number, message: string) => Words | undefined

const BETWEEN: Words = {
  message: 'this line stands neither with the entries above nor inside one of them',
  hint: 'indent it as the line that it belongs to',
}
const ALIAS: Words = {
  message: '`*` stands before the name of an anchor, and there is none of this name above',
  hint: 'put texts that begin with `*` in quotes',
}
const COMMA: Words = {
  message: 'a comma is missing before this',
  hint: 'separate entries with `, `, and put texts with `,` `[` or `{` in quotes',
}

const BY_CODE: Readonly<Record<string, Wording>> = {
  TAB_AS_INDENT: () => ({ message: 'a tab indents this line', hint: 'YAML indents with blanks' }),
  MULTIPLE_DOCS: () => ({
    message: 'a second document begins here',
    hint: 'one file holds one document: remove `---`',
  }),
  BAD_INDENT: (_, __, message) => (message.startsWith('All ') ? BETWEEN : undefined),
  MULTILINE_IMPLICIT_KEY: (text, at) =>
    closeColon(text, at) ??
    noColon(text, at) ?? {
      message: 'the text that begins here goes on below, and a key stands in it',
      hint: 'indent the next line as its neighbours, or close what is open',
    },
  BAD_ALIAS: () => ALIAS,
  BLOCK_IN_FLOW: () => ({
    message: 'a list, or a key inside the value of a key, within `{ }` or `[ ]`',
    hint: 'put `, ` between entries, or close what is open above',
  }),
  BAD_DQ_ESCAPE: (_, __, message) => ({
    message: `${quoted(message.replace(/^.*sequence /, ''))} means nothing in double quotes`,
    hint: "write patterns in single quotes, '…', where a backslash is a backslash",
  }),
  BAD_SCALAR_START: (text, at) => ({
    message: `a text cannot begin with ${quoted(text.charAt(at))}`,
    hint: 'put it in quotes',
  }),
}

/** Beginnings of the parser's messages; the codes are shared by too many. */
function byMessage(text: string, at: number, message: string): Words | undefined {
  return MESSAGES.find(([begins]) => message.startsWith(begins))?.[1](text, at, message)
}

const MESSAGES: readonly (readonly [string, Wording])[] = [
  [
    'Sequence item without -',
    () => ({
      message: 'this line belongs to no entry of the list above',
      hint: 'indent it exactly as the other keys of its entry, or begin it with `- `',
    }),
  ],
  [
    'Implicit map keys need',
    (text, at) =>
      closeColon(text, at) ?? {
        message: 'a text stands where a key belongs',
        hint: 'write `key: value`; or indent it as the line that it belongs to',
      },
  ],
  [
    'Missing space after :',
    (text, at) =>
      closeColon(text, lineStart(text, at) + indentOf(text, lineStart(text, at))) ?? {
        message: 'a blank is missing behind this colon',
        hint: 'write `key: value`',
      },
  ],
  ['Missing , ', () => COMMA],
  ['Unexpected , ', () => ({ message: 'a comma with no entry before it', hint: 'remove it' })],
  ['Unexpected flow-', (text, at) => closesNothing(text.charAt(at))],
  [
    'Comments must be separated',
    () => ({
      message: '`#` directly behind a text',
      hint: 'put a blank before a comment, or the text in quotes',
    }),
  ],
  [
    'Unexpected scalar at node end',
    (text, at) =>
      openBefore(text, at).brackets.length > 0
        ? COMMA
        : { message: 'text behind the end of a value', hint: 'put all of it in one pair of quotes' },
  ],
]

/** `to:tls://…` is a text and no key. */
function closeColon(text: string, at: number): Words | undefined {
  const key = /^[a-z_]{1,64}:(?=[^\s])/i.exec(text.slice(at, at + 80))?.[0]
  if (key === undefined) return undefined
  return { message: `no blank behind the colon of \`${key}\``, hint: `write \`${key} …\`` }
}

/** `to tls://…` is no key either. */
function noColon(text: string, at: number): Words | undefined {
  const line = lineFrom(text, at)
  const key = /^[a-z_]{1,64}(?= \S)/i.exec(line)?.[0]
  if (key === undefined || /:(?: |$)/.test(line)) return undefined
  return {
    message: `no colon behind \`${key}\``,
    hint: `write \`${key}: …\`; a text of several lines needs quotes`,
  }
}

/** The beginning of what is left of a line. */
function lineFrom(text: string, at: number): string {
  const [line = ''] = text.slice(at, at + 1000).split(/\r?\n/, 1)
  return line
}

/** `a: b: c`, or `a: b` and the next line too far in, which the parser takes for the same. */
function keyInValue(text: string, at: number): Worded {
  const line = lineFrom(text, at)
  if (line.startsWith(' ')) return { at: at + indentOf(text, at), ...BETWEEN }
  const next = at + line.length + 1
  if (/:(?: |$)/.test(line) || next >= text.length)
    return {
      at,
      message: 'a key inside the value of a key on the same line',
      hint: 'put texts with `: ` in quotes, and keys on lines of their own',
    }
  return {
    at: next + indentOf(text, next),
    message: 'this line is indented deeper than the key above, which has its value already',
    hint: 'indent both alike',
  }
}

function closesNothing(bracket: string): Words {
  return {
    message: `\`${bracket}\` closes nothing that is open`,
    hint: 'remove it, or open what it should close',
  }
}

function unclosed(text: string, at: number): Worded {
  const opens = text.charAt(at)
  const closes = CLOSES[opens] ?? opens
  return {
    at,
    message: `\`${opens}\` is opened here and not closed`,
    hint: `add \`${closes}\` where it ends`,
  }
}

const CLOSES: Readonly<Record<string, string>> = { '[': ']', '{': '}' }

/** Where what lacks its end was opened, if this look at the text finds it; or `stray`: a bracket of another kind closes nothing. */
function openedAt(text: string, end: number, message: string): { open?: number | undefined; stray: boolean } {
  const { brackets, quote } = openBefore(text, end)
  if (message.startsWith('Missing closing')) return { open: quote, stray: false }
  const opens = Object.keys(CLOSES).find((one) => CLOSES[one] === text.charAt(end))
  if (opens !== undefined && !brackets.some((at) => text[at] === opens)) return { stray: true }
  const wanted = message.startsWith('Flow map') ? '{' : '['
  return { open: brackets.findLast((at) => text[at] === wanted), stray: false }
}

/** Characters that are looked through for what was opened. */
const LOOK_BACK = 2 ** 20

/** Brackets and the quote that are open at `end`, as far as one pass tells without a parser. */
function openBefore(text: string, end: number): { brackets: number[]; quote: number | undefined } {
  const brackets: number[] = []
  let quote: number | undefined
  for (let at = Math.max(0, end - LOOK_BACK); at < end; at++) {
    const char = text.charAt(at)
    if (quote !== undefined) {
      if (char === '\\' && text[quote] === '"') at += 1
      else if (char === text[quote]) quote = undefined
      continue
    }
    const before = text[at - 1] ?? '\n'
    if (char === '#' && /\s/.test(before)) {
      const next = text.indexOf('\n', at)
      at = next < 0 ? end : next
    } else if ((char === '"' || char === "'") && /[\s[{,:]/.test(before)) quote = at
    else if ((char === '[' || char === '{') && (brackets.length > 0 || beginsValue(text, at)))
      brackets.push(at)
    else if ((char === ']' || char === '}') && CLOSES[text.charAt(brackets.at(-1) ?? -1)] === char)
      brackets.pop()
  }
  return { brackets, quote }
}

/** Outside of brackets, those in the middle of a text are text. */
function beginsValue(text: string, at: number): boolean {
  let before = at - 1
  while (text[before] === ' ') before -= 1
  return before < 0 || ':-\n'.includes(text.charAt(before))
}
