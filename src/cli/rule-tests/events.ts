/** The events of a test: inline, or lines of a file that is read once for all tests. */
import { Buffer } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { errorText } from '../../base/errors.ts'
import type { Finding } from '../../config/findings.ts'
import { sizeText } from '../../config/quantities.ts'
import type { RuleTest } from '../../rules/read-tests.ts'
import { LineSplitter } from '../lines.ts'

/** Bytes of one file of events. */
const FILE_MAX = 64 * 2 ** 20
/** Bytes of one event, as `explain` reads it. */
const LINE_MAX = 1024 * 1024

export interface TestEvent {
  readonly bytes: Buffer
  /** Line of its file, or place in the list, from 1. */
  readonly line: number
}

export class EventFiles {
  readonly #files = new Map<string, readonly Buffer[] | string>()

  /** The events of a test; undefined after a finding. */
  of(test: RuleTest, file: string, findings: Finding[]): readonly TestEvent[] | undefined {
    if (test.events_file === undefined)
      return test.events.map((text, n) => ({ bytes: Buffer.from(text), line: n + 1 }))
    const fail = (message: string, hint: string, at: string): undefined => {
      findings.push({ level: 'error', ...test.at([at]), message, hint })
      return undefined
    }
    const named = path.resolve(path.dirname(file), test.events_file)
    const lines = this.#read(named)
    if (typeof lines === 'string')
      return fail(`${test.name}: cannot read ${named}: ${lines}`, 'name a file of events', 'events_file')
    const ranges = test.ranges ?? [[1, lines.length] as const]
    const beyond = ranges.find(([, to]) => to > lines.length)
    if (beyond !== undefined)
      return fail(`${test.name}: ${named} has ${lines.length} lines`, 'name lines that there are', 'lines')
    const events = ranges.flatMap(([from, to]) =>
      lines.slice(from - 1, to).map((bytes, n) => ({ bytes, line: from + n })),
    )
    return events.length === 0 ? fail(`${test.name}: ${named} is empty`, '', 'events_file') : events
  }

  /** Its lines, or why not. */
  #read(file: string): readonly Buffer[] | string {
    let known = this.#files.get(file)
    if (known === undefined) {
      known = readLines(file)
      this.#files.set(file, known)
    }
    return known
  }
}

function readLines(file: string): readonly Buffer[] | string {
  try {
    const about = statSync(file)
    if (!about.isFile()) return 'it is not a regular file'
    if (about.size > FILE_MAX) return `it is larger than ${sizeText(FILE_MAX)}`
    const lines: Buffer[] = []
    const splitter = new LineSplitter(LINE_MAX, (buf, start, end) => {
      lines.push(Buffer.from(buf.subarray(start, end)))
    })
    splitter.push(readFileSync(file))
    splitter.end()
    return lines
  } catch (error) {
    return errorText(error)
  }
}
