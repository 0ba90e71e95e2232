/** Findings for people: with the lines that they are about and colours where a terminal shows them. */
import type { Finding } from '../config/findings.ts'
import { sourcesOf } from './config-file.ts'
import { hasColor } from './output.ts'

/** In the order of `findings`. */
export async function tellFindings(
  findings: readonly Finding[],
  stream: NodeJS.WriteStream = process.stdout,
): Promise<void> {
  const { formatFindings } = await import('../config/findings-format.ts')
  const sources = stream.isTTY ? sourcesOf(findings) : new Map<string, string>()
  stream.write(formatFindings(findings, { color: hasColor(stream), sources, cwd: process.cwd() }))
}
