/** Labels that nobody owns, for people: in `status` and `parse --stats`. */
import type { UnknownLabelReport, UnknownReport } from '../control/unknown-labels.ts'
import type { DifferenceKind } from '../rules/label-difference.ts'
import { cell } from './text-table.ts'

const LABEL_WIDTH = 60

/** What it says when all labels of a stream differ from known ones in the same way. */
const ALIKE: Readonly<Partial<Record<DifferenceKind, string>>> = {
  case: 'they all differ in capital letters: `case: any` in the label format takes both',
  separators:
    'they all differ in separators or hyphens: add those to `separators` or `hyphens` of the label format',
  cut: 'they all look cut: set `cut` of the label format to their length',
  longer: 'they all are longer than known ones: the label format lacks a part',
  place: 'they all hold their parts in another order: put `parts` of the label format in theirs',
}

/** Some lines for each stream. `unit`: what is counted; `which`: what the labels told are. */
export function unknownLabelLines(report: UnknownReport, unit = 'event', which = 'the last ones'): string[] {
  return Object.entries(report).flatMap(([stream, { events, last }]) => {
    const head = `${stream}: ${counted(events, unit)} with a label that nobody owns`
    const kinds = last.map(({ nearest, cut }) => (cut ? undefined : nearest?.differs.kind))
    const alike = last.length > 1 && new Set(kinds).size === 1 ? kinds[0] : undefined
    const advice = alike === undefined ? undefined : ALIKE[alike]
    return [
      last.length === 0 ? head : `${head}; ${which}:`,
      ...last.map((label) => labelLine(label, unit)),
      ...(advice === undefined ? [] : [`   ${advice}`]),
    ]
  })
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function labelLine({ label, events, cut, nearest }: UnknownLabelReport, unit: string): string {
  const times = events === 1 ? '' : ` (${counted(events, unit)})`
  const shown = `   "${cell(label, LABEL_WIDTH)}"${times}`
  if (cut) return `${shown}: the event was cut on its way, and with it perhaps the label`
  if (nearest === null) return `${shown}: no known label is like it`
  const { label: known, tenant, object, by, differs } = nearest
  const whose = object === null ? tenant : `${tenant}, ${object}`
  return `${shown}: nearest "${cell(known, LABEL_WIDTH)}" (${whose}, by ${by}): ${differs.text}`
}

/** What to do about events that their sender cut. */
export function cutBySenderLine(events: number): string {
  const what = events === 1 ? '1 event was' : `${events} events were`
  return `${what} cut by the sender: raise Syslog.global.remoteHost.maxMsgLen on the ESXi hosts, or send over TCP or TLS`
}
