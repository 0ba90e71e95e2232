/** Where in the source of a YAML text one of its characters stands: quotes, escapes and block indicators lie between. */

/** Characters from the beginning of the scalar's source to character `within` of its value; as near as can be told. */
export function scalarShift(source: string, within: number): number {
  const first = source[0]
  if (first === '"') return quotedShift(source, within, doubleWidth)
  if (first === "'") return quotedShift(source, within, singleWidth)
  if (first === '|' || first === '>') return blockShift(source, within)
  return Math.min(within, Math.max(0, source.length - 1))
}

function quotedShift(source: string, within: number, width: (source: string, at: number) => number): number {
  let at = 1
  for (let count = 0; count < within && at < source.length - 1; count += 1) at += width(source, at)
  return at
}

/** `''` stands for one quote. */
function singleWidth(source: string, at: number): number {
  return source.startsWith("''", at) ? 2 : 1
}

const ESCAPES: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 }

function doubleWidth(source: string, at: number): number {
  return source[at] === '\\' ? (ESCAPES[source[at + 1] ?? ''] ?? 2) : 1
}

/** The content begins on the line below; every line of it is indented like its first. */
function blockShift(source: string, within: number): number {
  let line = source.indexOf('\n') + 1
  const indent = /^ */.exec(source.slice(line))?.[0].length ?? 0
  let rest = within
  for (;;) {
    const end = source.indexOf('\n', line)
    const length = Math.max(0, (end < 0 ? source.length : end) - line - indent)
    if (rest <= length || end < 0) return line + indent + Math.min(rest, length)
    rest -= length + 1
    line = end + 1
  }
}
