/** Streams and label formats: one entry each, and how the operator's take the place of the shipped ones. */
import type { z } from 'zod'
import { FAMILIES } from '../classify/inner.ts'
import { FIREWALL_GRAMMARS, type StreamKey, type StreamMatch, type StreamPlan } from '../classify/streams.ts'
import { meant } from '../config/nearest.ts'
import { readPiece } from '../config/pieces.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import { ALONE_MIN } from './label-variants.ts'
import type { LabelFormatModel, LabelPartModel, StreamModel } from './model.ts'
import { CAPTURES, labelFormat, stream } from './schema.ts'

/** What an entry was read from, kept until all files are read. */
export interface Entry<Model> {
  readonly model: Model
  readonly path: Path
  readonly report: Report
}

/** The name of events that no stream recognises. */
export const OTHER = 'other'

export function readStream(value: unknown, path: Path, report: Report): StreamModel | undefined {
  const before = report.errors
  const read = readPiece(stream, value, path, report)
  if (read === undefined) return undefined
  if (read.name === OTHER)
    report.error([...path, 'name'], '`other` is what no stream recognises', 'choose another name')
  const label = readLabel(read, path, report)
  for (const [index, match] of read.match.entries()) {
    if (match.ruleset === undefined || FIREWALL_GRAMMARS.includes(match.body ?? read.grammar)) continue
    report.error(
      [...path, 'match', index, 'ruleset'],
      'asks for a firewall grammar',
      'set `grammar` or `body`',
      { at_key: true },
    )
  }
  checkCaptures(read, path, report)
  if (label === 'none' && read.label_formats.length > 0) {
    const message = 'are never asked: this stream has no label'
    report.error([...path, 'label_formats'], message, 'set `label: rest` or remove them', { at_key: true })
  }
  for (const [index, { key }] of read.keys.entries()) {
    const fitting =
      key === 'interface' ? read.grammar === 'gateway' : FIREWALL_GRAMMARS.includes(read.grammar)
    if ((key !== 'interface' && key !== 'rule_id') || fitting) continue
    const needed = key === 'interface' ? '`grammar: gateway`' : 'a firewall grammar'
    report.error([...path, 'keys', index, 'key'], `\`${key}\` is a field of ${needed}`, 'remove it')
  }
  if (report.errors > before) return undefined
  return {
    place: report.place(path),
    name: read.name,
    grammar: read.grammar,
    match: read.match.map(matchOf),
    match_places: read.match.map((_, index) => report.place([...path, 'match', index])),
    label,
    label_formats: read.label_formats,
    ...(read.replaces === undefined ? {} : { replaces: read.replaces }),
    keys: read.keys.map(keyOf),
    ...(read.captures === undefined ? {} : { captures: read.captures }),
  }
}

/** Captures name fields of the stream's grammar. */
function checkCaptures(read: z.output<typeof stream>, path: Path, report: Report): void {
  const known = FAMILIES.find(({ name }) => name === read.grammar)?.fields.map(({ key }) => key) ?? []
  for (const key of Object.keys(read.captures ?? {})) {
    if (known.includes(key)) continue
    const hint =
      known.length === 0
        ? 'set `grammar` to one with inner fields: esxi, vcenter, nsx, vcd, cf'
        : meant(key, known)
    report.error(
      [...path, 'captures', key],
      `\`grammar: ${read.grammar}\` has no field ${quoted(key)}`,
      hint,
      {
        at_key: true,
      },
    )
  }
}

function keyOf({ key, structured_data }: z.output<typeof stream>['keys'][number]): StreamKey {
  if (structured_data === undefined) return { key }
  return { key, structured_data: { id: structured_data.id, params: structured_data.param } }
}

type Match = z.output<typeof stream>['match'][number]

function matchOf(match: Match): StreamMatch {
  return Object.fromEntries(Object.entries(match).filter(([, value]) => value !== undefined))
}

function readLabel(read: z.output<typeof stream>, path: Path, report: Report): StreamPlan['label'] {
  const { label, grammar } = read
  const at = [...path, 'label']
  if (label === 'none') return label
  if (!FIREWALL_GRAMMARS.includes(grammar))
    report.error(at, 'without a firewall grammar there is no label', 'set `grammar` or `label: none`')
  if (label === 'rest') return label
  if (!CAPTURES.includes(label))
    report.error(at, `unknown capture ${quoted(label)}`, meant(label, ['rest', 'none', ...CAPTURES]))
  return { capture: label }
}

export function readLabelFormat(value: unknown, path: Path, report: Report): LabelFormatModel | undefined {
  const before = report.errors
  const read = readPiece(labelFormat, value, path, report)
  if (read === undefined) return undefined
  for (const [index, part] of read.parts.entries()) {
    const inside = index > 0 && index < read.parts.length - 1
    checkPart(part, read.of, inside, [...path, 'parts', index], report)
  }
  if (report.errors > before) return undefined
  return {
    place: report.place(path),
    name: read.name,
    ...(read.replaces === undefined ? {} : { replaces: read.replaces }),
    of: read.of,
    parts: read.parts.map(
      (part): LabelPartModel => ({ ...part, first: part.first ?? null, last: part.last ?? null }),
    ),
    separators: read.separators,
    case: read.case,
    cut: read.cut ?? null,
  }
}

function checkPart(
  part: z.output<typeof labelFormat>['parts'][number],
  of: LabelFormatModel['of'],
  inside: boolean,
  path: Path,
  report: Report,
): void {
  if (part.first !== undefined && part.last !== undefined)
    report.error([...path, 'last'], 'cannot stand with `first`', 'keep one of them')
  const isId = part.take === 'id' || part.take === 'owner_id'
  if (part.take.startsWith('owner_') && of !== 'gateway') {
    report.error(
      [...path, 'take'],
      `only a gateway has an owner, this is a format of ${of}`,
      'use name or id',
    )
  }
  if (!part.alone) return
  const length = part.first ?? part.last ?? 36
  if (!isId)
    report.error([...path, 'alone'], 'a name identifies nobody: tenants choose names', 'set it on an id')
  else if (inside) {
    const message = 'nobody knows where this part begins: it is neither the first nor the last'
    report.error([...path, 'alone'], message, 'set it on the first or last part')
  } else if (length < ALONE_MIN) {
    report.error(
      [...path, part.first === undefined ? 'last' : 'first'],
      `${length} characters of an id identify nobody alone`,
      `take at least ${ALONE_MIN}`,
    )
  }
}

/**
 * Shipped entries with the operator's of the same name in their place, then the operator's own, in order. Two of the
 * operator's with one name are an error that names both.
 */
export function replaceByName<
  Model extends { readonly name: string; readonly place: { readonly file: string; readonly line: number } },
>(shipped: readonly Model[], own: readonly Entry<Model>[], what: string): Model[] {
  const byName = new Map(shipped.map((model) => [model.name, model]))
  const seen = new Map<string, Model>()
  for (const { model, path, report } of own) {
    const first = seen.get(model.name)
    if (first !== undefined) {
      const message = `${what} ${quoted(model.name)} is defined twice, first at ${first.place.file}:${first.place.line}`
      report.error([...path, 'name'], message, 'keep one of them')
      continue
    }
    seen.set(model.name, model)
    byName.set(model.name, model)
  }
  return [...byName.values()]
}
