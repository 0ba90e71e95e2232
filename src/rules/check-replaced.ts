/**
 * Definitions of the operator that take the place of shipped ones. `replaces` holds a fingerprint of the shipped one as it was
 * then, so that whoever updates Logweir hears when the two have gone apart.
 */
import { createHash } from 'node:crypto'
import { quoted } from '../config/quantities.ts'
import type { Entry } from './read-streams.ts'

/** Hex digits: enough to tell changes by, short enough to type. */
const DIGITS = 12

/** A shipped definition as it stands in its file. */
export interface ShippedEntry {
  readonly fingerprint: string
  /** `rules/vmware.yaml:49`. */
  readonly at: string
}

/** Of an entry as YAML has it; the order of its keys and comments do not count. */
export function fingerprintOf(entry: unknown): string {
  const hex = createHash('sha256')
    .update(JSON.stringify(sorted(entry)))
    .digest('hex')
  // Digits alone would be a number in YAML.
  return `sha-${hex.slice(0, DIGITS)}`
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

interface Replacing {
  readonly name: string
  readonly replaces?: string
}

/** `shipped`: by kind and name. Warns of replacements that do not say what they replace, or whose shipped counterpart is another by now. */
export function checkReplaced(
  own: readonly Entry<Replacing>[],
  shipped: ReadonlyMap<string, ShippedEntry>,
  what: string,
): void {
  const seen = new Set<string>()
  for (const { model, path, report } of own) {
    const { name, replaces } = model
    // The second of a name is an error of its own.
    if (seen.has(name)) continue
    seen.add(name)
    const there = shipped.get(`${what} ${name}`)
    if (there === undefined) {
      if (replaces !== undefined)
        report.warn([...path, 'replaces'], `there is no shipped ${what} ${quoted(name)}`, 'remove it', {
          at_key: true,
        })
      continue
    }
    const { fingerprint, at } = there
    if (replaces === fingerprint) continue
    if (replaces === undefined) {
      const hint = `write \`replaces: ${fingerprint}\` in it, and \`check\` says when the shipped one changes`
      report.warn([...path, 'name'], `takes the place of the shipped ${what} ${quoted(name)}`, hint)
      continue
    }
    const message = `the shipped ${what} ${quoted(name)} has changed since this took its place`
    report.warn(
      [...path, 'replaces'],
      message,
      `compare it with ${at}, then write \`replaces: ${fingerprint}\``,
    )
  }
}
