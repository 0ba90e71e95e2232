/**
 * How much V8 puts into one function. The scanners are many small functions of one hot path; with V8's own bounds
 * an eighth of a worker's time goes into calls between them (docs/decisions.md).
 */
import { setFlagsFromString } from 'node:v8'

/** For all threads that start from here on. */
export function inlineMore(): void {
  setFlagsFromString('--max-inlined-bytecode-size=1500')
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=3000')
}
