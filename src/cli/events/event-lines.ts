/** Lines of a file or standard input as classified events: what `parse` and `explain` read. */
import type { Buffer } from 'node:buffer'
import { systemClock } from '../../base/clock.ts'
import { Classifier } from '../../classify/classifier.ts'
import type { StreamPlan } from '../../classify/streams.ts'
import { EventFlag, EventView } from '../../classify/view.ts'
import type { Input } from '../input.ts'
import { LineSplitter } from '../lines.ts'

/** Bytes of a line; a longer one is read cut, as `truncated`. */
const LINE_MAX = 1024 * 1024
/** Input handled between two writes: a short line makes much text, and all of it is held until then. */
const PIECE = 16 * 1024

/** Where the lines are thought to come from. */
export interface Arrival {
  /** Empty: from nobody in particular. */
  readonly peer: string
  /** Place in `sources` plus 1; 0: none. */
  readonly source: number
  /** Milliseconds since the epoch; left out: now. */
  readonly received_at?: number
}

export const FROM_NOBODY: Arrival = { peer: '', source: 0 }

/**
 * Calls `onEvent` for every line, also an empty one, with its number from 1; the view is good during the call only.
 * `onPiece` is called, and waited for, between pieces of the input.
 */
export async function readEvents(
  input: Input,
  streams: readonly StreamPlan[],
  arrival: Arrival,
  onEvent: (view: EventView, line: number) => void,
  onPiece: () => Promise<void>,
): Promise<void> {
  const classifier = new Classifier(streams)
  const view = new EventView()
  view.peer = arrival.peer
  view.source = arrival.source
  // No listener took it, so that nothing that is said of one holds.
  view.listener = -1
  let line = 0
  const splitter = new LineSplitter(LINE_MAX, (buf, start, end, cut) => {
    line += 1
    view.buf = buf
    view.start = start
    view.end = end
    view.flags = cut ? EventFlag.truncated : 0
    classifier.classify(view)
    onEvent(view, line)
  })
  for await (const chunk of input.chunks()) {
    view.received_at = arrival.received_at ?? systemClock.wall()
    for (const piece of pieces(chunk)) {
      splitter.push(piece)
      await onPiece()
    }
  }
  view.received_at = arrival.received_at ?? systemClock.wall()
  splitter.end()
  await onPiece()
}

function* pieces(chunk: Buffer): Generator<Buffer> {
  for (let from = 0; from < chunk.length; from += PIECE) yield chunk.subarray(from, from + PIECE)
}
