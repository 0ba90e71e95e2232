/**
 * How much memory V8 takes for short-lived objects. While the router starts, every thread makes many objects once
 * (rules, modules) and V8 answers by growing that space to tens of megabytes, which it then keeps; none of it makes
 * the start faster. Afterwards workers may grow theirs as the traffic asks.
 */
import { setFlagsFromString } from 'node:v8'

/** The space of all threads stays as it is: 1 MiB for those that are new. */
export function holdYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** V8's own way again: doubled when much survives. */
export function releaseYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
}
