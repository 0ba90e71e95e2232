/** Spelling: which known word an unknown one was probably meant to be. */

/** Longer words are not compared: no key or name of ours comes near. */
const LONGEST = 64

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours,
 * one each. Stops early with `most + 1` when it cannot be `most` or less.
 */
export function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (least > most) return most + 1
    beforeLast = last
    last = row
  }
  return last[b.length] ?? most + 1
}

/** The candidate closest to `word`, or undefined when none is close enough to be worth a guess. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > LONGEST) return undefined
  const asked = word.toLowerCase().replaceAll('-', '_')
  let most = Math.max(1, Math.floor(word.length / 3))
  let best: string | undefined
  for (const candidate of candidates) {
    const distance = editDistance(asked, candidate.toLowerCase().replaceAll('-', '_'), most)
    if (distance > most || (distance === most && best !== undefined)) continue
    most = distance
    best = candidate
    if (distance === 0) return best
  }
  return best
}

/** ``did you mean `when_full`?``, or the known words when none is near and they are few. */
export function meant(word: string, candidates: readonly string[], offer = 'use one of'): string {
  const near = nearest(word, candidates)
  if (near !== undefined) return `did you mean \`${near}\`?`
  if (candidates.length === 0 || candidates.length > 24) return ''
  return `${offer} ${candidates.join(', ')}`
}
