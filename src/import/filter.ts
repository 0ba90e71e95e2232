/**
 * The filter of a Log Insight forwarder as text: `field=~"value"`, several values of a field in a row, rows joined by `and`.
 * Nobody has published the grammar, so whatever else stands there is not guessed: undefined, and the forwarder is not carried.
 */

/** One row: any of the values, or none of them. */
export interface FilterRow {
  readonly field: string
  readonly negative: boolean
  /** With `*` and `?` as wildcards. */
  readonly values: readonly string[]
}

const FILTER_MAX = 65_536
const ROWS_MAX = 1000

const FIELD = /\s*([A-Za-z_][A-Za-z0-9_.]{0,63})\s*(=~|==|=|!=~|!~|!=)\s*/y
const VALUE = /"((?:[^"\\]|\\.){0,4096})"\s*/y
const COMMA = /,\s*/y
const AND = /(?:and\b|AND\b|&&|;)\s*/y

/** The rows of a filter; empty for none; undefined when it is not understood. */
export function parseFilter(text: string): readonly FilterRow[] | undefined {
  if (text.length > FILTER_MAX) return undefined
  if (text.trim() === '') return []
  const rows: FilterRow[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(text)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  for (;;) {
    const head = take(FIELD)
    if (head === null || rows.length === ROWS_MAX) return undefined
    const values: string[] = []
    do {
      const value = take(VALUE)
      if (value === null) return undefined
      values.push((value[1] ?? '').replaceAll(/\\(.)/g, '$1'))
    } while (take(COMMA) !== null)
    rows.push({ field: head[1] ?? '', negative: (head[2] ?? '').startsWith('!'), values })
    if (at === text.length) return rows
    if (take(AND) === null) return undefined
  }
}

/** A condition for one value with wildcards. */
export function valueCondition(value: string): string | Readonly<Record<string, string>> {
  const inner = value.replace(/^\*+/, '').replace(/\*+$/, '')
  if (/[*?]/.test(inner) || inner === '') {
    const pattern = value.replaceAll(/[.*+?^${}()|[\]\\]/g, (char) =>
      char === '*' ? '.*' : char === '?' ? '.' : `\\${char}`,
    )
    return { matches: `(?s)^${pattern}$` }
  }
  const [before, after] = [value.startsWith('*'), value.endsWith('*')]
  if (before && after) return { contains: inner }
  if (before) return { ends_with: inner }
  return after ? { starts_with: inner } : inner
}
