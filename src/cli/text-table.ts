/** Plain tables for terminals. */

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const right = head.map((_, column) => rows.every((row) => /^\d+$/.test(row[column] ?? '')))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, n) => (right[n] === true ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)]
}

/** At most `width` characters, no control characters: what came over the network must not steer the terminal. */
export function cell(text: string, width: number): string {
  const plain = text.slice(0, width + 1).replace(/\p{Cc}|\p{Cf}/gu, '\u00b7')
  return plain.length > width ? `${plain.slice(0, width - 1)}\u2026` : plain
}

/** How long ago or still, for people. */
export function ageText(seconds: number | null): string {
  if (seconds === null) return '-'
  if (seconds < 120) return `${seconds.toFixed(0)} s`
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(0)} h` : `${(seconds / 86_400).toFixed(0)} days`
}
