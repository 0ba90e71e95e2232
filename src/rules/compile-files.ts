/** Files that two forwarders would write: they would tear each other's lines, and rotate under each other. */
import { resolve } from 'node:path'
import type { Place } from '../config/findings.ts'
import { atPlace, type Findings, keyedForwarders } from './compile-checks.ts'
import { rotatedFrom, TakenPaths } from './file-pattern.ts'
import type { RulesModel } from './model.ts'

interface Writer {
  readonly key: string
  readonly place: Place
}

/** An error for each forwarder whose file another one writes, or puts aside under that name. */
export function checkFiles(model: RulesModel, findings: Findings): void {
  const taken = new TakenPaths<Writer>()
  const rotated = new TakenPaths<Writer>()
  for (const [key, { settings, place }] of keyedForwarders(model)) {
    if (settings.to.scheme !== 'file') continue
    const path = resolve(settings.to.path)
    const same = taken.find(path)
    const base = rotatedFrom(path)
    // The one that was read first may be the one whose name the other's rotation makes.
    const aside = (base === undefined ? undefined : taken.find(base)) ?? rotated.find(path)
    if (same !== undefined) {
      const message = `forwarders "${same.key}" and "${key}" write the same file ${path}`
      findings.error(place, message, `the first is at ${atPlace(same.place)}; give each its own file`)
    } else if (aside !== undefined) {
      const message = `forwarder "${key}" writes ${path}, and rotation of one of it and "${aside.key}" makes the other's name`
      findings.error(
        place,
        message,
        `the other is at ${atPlace(aside.place)}; do not end a name with a number`,
      )
    }
    taken.take(path, { key, place })
    if (base !== undefined) rotated.take(base, { key, place })
  }
}
