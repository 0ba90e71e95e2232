/**
 * How much memory V8 takes for short-lived objects. While the router starts or reloads, main and workers make many
 * objects once (modules, the plan) and V8 answers by growing that space to tens of megabytes in each, which it then
 * keeps; none of it makes a start faster. In between workers may grow theirs as the traffic asks.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * From here on threads have the space that they are started with (`resourceLimits`). The launcher gives main its small one by a flag,
 * which goes before what a thread asks for, as long as it is set.
 */
export function freeYoungSpace(): void {
  setFlagsFromString('--max-semi-space-size=0')
}

/** The space of all threads stays as it is: 1 MiB for those that are new. */
export function holdYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** V8's own way again: doubled when much survives. */
export function releaseYoungSpace(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
}

/** `act` without growth. */
export async function holdingYoungSpace<T>(act: () => Promise<T>): Promise<T> {
  holdYoungSpace()
  try {
    return await act()
  } finally {
    releaseYoungSpace()
  }
}
