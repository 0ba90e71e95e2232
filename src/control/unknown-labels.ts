/** Labels that nobody owns, of all workers together, with the known label that each resembles most. */
import { type NearestLabel, nearestLabels } from '../rules/nearest-label.ts'
import type { RulesPlan } from '../rules/plan.ts'
import type { UnknownLabel, UnknownStream } from '../worker/unknown-labels.ts'

/** Labels told of a stream. */
const TOLD_MAX = 8

export type UnknownStreams = Readonly<Record<string, UnknownStream>>

export interface UnknownLabelReport extends UnknownLabel {
  /** Null where no known label is like it. */
  readonly nearest: NearestLabel | null
}

/** By stream name: `unknown_labels` of `status --json`. */
export type UnknownReport = Readonly<
  Record<string, { readonly events: number; readonly last: readonly UnknownLabelReport[] }>
>

/** Sums of all workers; labels seen most recently first, those of the workers in turn. */
export function mergeUnknown(answers: readonly (UnknownStreams | undefined)[]): UnknownStreams {
  const merged: Record<string, UnknownStream> = {}
  for (const answer of answers) {
    for (const [stream, one] of Object.entries(answer ?? {})) {
      const other = merged[stream]
      merged[stream] = other === undefined ? one : joined(other, one)
    }
  }
  return merged
}

function joined(one: UnknownStream, other: UnknownStream): UnknownStream {
  const labels = new Map<string, UnknownLabel>()
  const most = Math.max(one.last.length, other.last.length)
  for (let n = 0; n < most; n++) {
    for (const label of [one.last[n], other.last[n]]) {
      if (label === undefined) continue
      const known = labels.get(label.label)
      labels.set(label.label, known === undefined ? label : { ...label, events: known.events + label.events })
    }
  }
  return { events: one.events + other.events, last: [...labels.values()].slice(0, TOLD_MAX) }
}

/** Each with its nearest known label. Takes some tenths of a second for ten thousand tenants, nothing when asked again. */
export function describeUnknown(plan: RulesPlan, streams: UnknownStreams): UnknownReport {
  const described = Object.entries(streams).map(([name, { events, last }]) => {
    const stream = plan.streams.findIndex((entry) => entry.name === name)
    const nearest = nearestLabels(
      plan,
      stream,
      last.map(({ label }) => label),
    )
    return [
      name,
      { events, last: last.map((label, n) => ({ ...label, nearest: nearest[n] ?? null })) },
    ] as const
  })
  return Object.fromEntries(described)
}
