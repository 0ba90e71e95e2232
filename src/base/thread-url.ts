/**
 * Where a thread's module is: beside `from`, written without its ending, because the same code runs from `.ts` in a
 * checkout and from `.js` when it is built, and tsc does not rewrite URLs.
 */
export function threadUrl(from: string, path: string): URL {
  return new URL(`${path}${from.endsWith('.ts') ? '.ts' : '.js'}`, from)
}
