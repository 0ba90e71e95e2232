/**
 * The YAML that configurations are made of, read in one pass: block mappings and lists, flow collections on one line, plain and
 * quoted scalars, comments. Gives the same value and places as the yaml package or nothing, and then that is asked: for
 * anchors, block scalars, escapes, numbers that are not plain, texts over several lines, empty values, and every mistake.
 * Most of what a thousand tenants' files cost was that package's work on what stands here in a few lines.
 */

/** A value with where it begins and ends. */
export interface QuickNode {
  readonly start: number
  readonly end: number
  readonly value: unknown
  /** Of a mapping: where each key begins, and its value. */
  readonly pairs?: ReadonlyMap<string, { readonly key_start: number; readonly node: QuickNode }>
  readonly items?: readonly QuickNode[]
}

const DEPTH_MAX = 40
const KEY = /[A-Za-z_][A-Za-z0-9_.@-]*/y
const PLAIN_START = /[A-Za-z0-9_./-]/
/** What begins a number or a special word in any writing but the plainest: for the package to say what it is. */
const NUMBER_LIKE = /^[-+]?\.?[0-9][0-9_.]*([eE][-+]?[0-9]+)?$|^0[xo][0-9a-fA-F]+$|^[-+]?\.(inf|nan)$/i
const PLAIN_NUMBER = /^(0|-?[1-9][0-9]{0,14})$/
const WORDS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
])
const NULLS = new Set(['null', 'Null', 'NULL', '~'])

class NotQuick extends Error {}
const notQuick = new NotQuick()

/** Undefined: the text holds something that is not read here, or a mistake. */
export function quickYaml(text: string): QuickNode | undefined {
  // A carriage return, a tab, a byte order mark: rare, and each with rules of its own.
  if (/[\r\t\ufeff\u0085\u2028\u2029]/.test(text) || /[^\n\x20-\x7e\u00a0-\ud7ff]/.test(text))
    return undefined
  try {
    return new Reader(text).document()
  } catch (error) {
    if (error === notQuick) return undefined
    throw error
  }
}

/** The offset of a path, as the package's nodes have it: where the value begins, else its nearest parent. */
export function quickOffset(root: QuickNode, path: readonly (string | number)[], of_key: boolean): number {
  let node = root
  let offset = root.start
  for (const [depth, step] of path.entries()) {
    const last = depth === path.length - 1
    if (node.pairs !== undefined) {
      const pair = node.pairs.get(String(step))
      if (pair === undefined) return offset
      node = pair.node
      offset = last && of_key ? pair.key_start : node.start
    } else if (node.items !== undefined) {
      const item = node.items[Number(step)]
      if (item === undefined) return offset
      node = item
      offset = node.start
    } else return offset
  }
  return offset
}

/** The node at a path; undefined: there is none. */
export function quickNode(root: QuickNode, path: readonly (string | number)[]): QuickNode | undefined {
  let node: QuickNode | undefined = root
  for (const step of path) node = node?.pairs?.get(String(step))?.node ?? node?.items?.[Number(step)]
  return node
}

class Reader {
  readonly #text: string
  /** The next line with content: where it begins, its first character, and where it ends. */
  #line = 0
  #at = 0
  #line_end = 0
  #over = false

  constructor(text: string) {
    this.#text = text
    this.#find(0)
  }

  document(): QuickNode {
    if (this.#over || this.#indent !== 0) throw notQuick
    const node = this.#block(0, 0)
    if (!this.#over) throw notQuick
    return node
  }

  get #indent(): number {
    return this.#at - this.#line
  }

  /** Goes to the first line from `from` on that is no comment and not blank. */
  #find(from: number): void {
    const text = this.#text
    for (let line = from; line < text.length; ) {
      const found = text.indexOf('\n', line)
      const end = found < 0 ? text.length : found
      let at = line
      while (at < end && text.charCodeAt(at) === 0x20) at++
      if (at < end && text.charCodeAt(at) !== 0x23) {
        this.#line = line
        this.#at = at
        this.#line_end = end
        return
      }
      line = end + 1
    }
    this.#over = true
  }

  /** The rest of the line must be blank or a comment; then on to the next one with content. */
  #endLine(from: number): void {
    this.#blankRest(from)
    this.#find(this.#line_end + 1)
  }

  #blankRest(from: number): void {
    let at = from
    while (at < this.#line_end && this.#text.charCodeAt(at) === 0x20) at++
    if (at === this.#line_end) return
    if (this.#text.charCodeAt(at) !== 0x23 || at === from) throw notQuick
  }

  /** A block collection at the line at hand, whose entries stand at `indent`. */
  #block(indent: number, depth: number): QuickNode {
    if (depth > DEPTH_MAX) throw notQuick
    return this.#isDash(this.#at) ? this.#list(indent, depth) : this.#mapping(indent, depth)
  }

  #isDash(at: number): boolean {
    if (this.#text.charCodeAt(at) !== 0x2d) return false
    return at + 1 >= this.#line_end || this.#text.charCodeAt(at + 1) === 0x20
  }

  #list(indent: number, depth: number): QuickNode {
    const start = this.#at
    const items: QuickNode[] = []
    let end = start
    while (!this.#over && this.#indent === indent && this.#isDash(this.#at)) {
      let at = this.#at + 1
      while (at < this.#line_end && this.#text.charCodeAt(at) === 0x20) at++
      const item = this.#entry(at, indent, depth, true)
      items.push(item)
      end = item.end
    }
    if (!this.#over && this.#indent > indent) throw notQuick
    return { start, end, value: items.map(({ value }) => value), items }
  }

  #mapping(indent: number, depth: number): QuickNode {
    const start = this.#at
    const pairs = new Map<string, { key_start: number; node: QuickNode }>()
    const value: Record<string, unknown> = {}
    let end = start
    while (!this.#over && this.#indent === indent && !this.#isDash(this.#at)) {
      const key_start = this.#at
      const key = this.#key(key_start)
      let at = key_start + key.length + 1
      if (at < this.#line_end && this.#text.charCodeAt(at) !== 0x20) throw notQuick
      while (at < this.#line_end && this.#text.charCodeAt(at) === 0x20) at++
      if (pairs.has(key)) throw notQuick
      const node = this.#entry(at, indent, depth, false)
      pairs.set(key, { key_start, node })
      value[key] = node.value
      end = node.end
    }
    if (!this.#over && this.#indent > indent) throw notQuick
    if (pairs.size === 0) throw notQuick
    return { start, end, value, pairs }
  }

  /** A plain key with its colon behind it. */
  #key(at: number): string {
    KEY.lastIndex = at
    const key = KEY.exec(this.#text)?.[0]
    if (key === undefined || key.length > 200 || this.#text.charCodeAt(at + key.length) !== 0x3a)
      throw notQuick
    if (key === '__proto__' || WORDS.has(key) || NULLS.has(key)) throw notQuick
    return key
  }

  /** What stands behind a dash or a key: at `at` on this line, or below it. */
  #entry(at: number, indent: number, depth: number, in_list: boolean): QuickNode {
    if (at >= this.#line_end || this.#text.charCodeAt(at) === 0x23) {
      this.#find(this.#line_end + 1)
      const below = this.#over ? -1 : this.#indent
      // A list may stand right below its key.
      if (!in_list && below === indent && this.#isDash(this.#at)) return this.#block(below, depth + 1)
      if (below <= indent) throw notQuick
      return this.#block(below, depth + 1)
    }
    if (this.#isDash(at)) throw notQuick
    if (in_list) {
      KEY.lastIndex = at
      const key = KEY.exec(this.#text)?.[0] ?? ''
      const behind = at + key.length
      const ends = behind + 1 >= this.#line_end || this.#text.charCodeAt(behind + 1) === 0x20
      if (key !== '' && this.#text.charCodeAt(behind) === 0x3a && behind < this.#line_end && ends) {
        this.#at = at
        return this.#mapping(at - this.#line, depth + 1)
      }
    }
    const node = this.#value(at, false, depth)
    this.#endLine(node.end)
    // A text that goes on below.
    if (!this.#over && this.#indent > indent) throw notQuick
    return node
  }

  #value(at: number, in_flow: boolean, depth: number): QuickNode {
    if (depth > DEPTH_MAX) throw notQuick
    switch (this.#text.charCodeAt(at)) {
      case 0x7b:
        return this.#flowMapping(at, depth + 1)
      case 0x5b:
        return this.#flowList(at, depth + 1)
      case 0x22:
      case 0x27:
        return this.#quoted(at)
      default:
        return this.#plain(at, in_flow)
    }
  }

  #quoted(start: number): QuickNode {
    const quote = this.#text[start] as string
    const close = this.#text.indexOf(quote, start + 1)
    if (close < 0 || close >= this.#line_end) throw notQuick
    const value = this.#text.slice(start + 1, close)
    // Escapes, and a quote that is doubled.
    if (value.includes('\\') || this.#text[close + 1] === quote) throw notQuick
    return { start, end: close + 1, value }
  }

  #plain(start: number, in_flow: boolean): QuickNode {
    const text = this.#text
    if (!PLAIN_START.test(text[start] ?? '')) throw notQuick
    // In a flow collection a dash alone is an entry of a list, which may not stand there.
    if (text[start] === '-' && !PLAIN_START.test(text[start + 1] ?? '')) throw notQuick
    let end = start
    let at = start
    for (; at < this.#line_end; at++) {
      const code = text.charCodeAt(at)
      if (code === 0x20) continue
      if (code === 0x23 && text.charCodeAt(at - 1) === 0x20) break
      if (code === 0x3a) {
        const next = at + 1 < this.#line_end ? text.charCodeAt(at + 1) : 0x20
        if (next === 0x20 || (in_flow && (next === 0x2c || next === 0x5d || next === 0x7d))) throw notQuick
      }
      if (in_flow) {
        if (code === 0x2c || code === 0x5d || code === 0x7d) break
        if (code === 0x5b || code === 0x7b) throw notQuick
      }
      end = at + 1
    }
    const word = text.slice(start, end)
    return { start, end, value: scalar(word) }
  }

  #skip(from: number): number {
    let at = from
    while (at < this.#line_end && this.#text.charCodeAt(at) === 0x20) at++
    if (at >= this.#line_end) throw notQuick
    return at
  }

  #flowList(start: number, depth: number): QuickNode {
    const items: QuickNode[] = []
    let at = this.#skip(start + 1)
    while (this.#text.charCodeAt(at) !== 0x5d) {
      const item = this.#value(at, true, depth)
      items.push(item)
      at = this.#next(item.end, 0x5d)
    }
    return { start, end: at + 1, value: items.map(({ value }) => value), items }
  }

  #flowMapping(start: number, depth: number): QuickNode {
    const pairs = new Map<string, { key_start: number; node: QuickNode }>()
    const value: Record<string, unknown> = {}
    let at = this.#skip(start + 1)
    while (this.#text.charCodeAt(at) !== 0x7d) {
      const key_start = at
      const key = this.#key(at)
      at += key.length + 1
      if (this.#text.charCodeAt(at) !== 0x20 || pairs.has(key)) throw notQuick
      const node = this.#value(this.#skip(at), true, depth)
      pairs.set(key, { key_start, node })
      value[key] = node.value
      at = this.#next(node.end, 0x7d)
    }
    return { start, end: at + 1, value, pairs }
  }

  /** Behind an entry: on to the next, or to the bracket that closes. */
  #next(from: number, close: number): number {
    const at = this.#skip(from)
    const code = this.#text.charCodeAt(at)
    if (code === close) return at
    if (code !== 0x2c) throw notQuick
    const next = this.#skip(at + 1)
    // An entry behind the last comma, or none: fine; two commas are not.
    if (this.#text.charCodeAt(next) === 0x2c) throw notQuick
    return next
  }
}

function scalar(text: string): unknown {
  const word = WORDS.get(text)
  if (word !== undefined) return word
  if (NULLS.has(text)) throw notQuick
  if (PLAIN_NUMBER.test(text)) return Number(text)
  if (NUMBER_LIKE.test(text)) throw notQuick
  return text
}
