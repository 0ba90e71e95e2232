/** Prints what a test measured: figures that are for people, not asserted. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
