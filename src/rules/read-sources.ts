/** Where configuration and rules meet: the streams that `sources` name must exist. */
import type { Finding, Place } from '../config/findings.ts'
import { meant } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import { pathText } from '../config/report.ts'
import type { Settings } from '../config/types.ts'
import type { Path } from '../config/yaml.ts'
import type { RulesModel } from './model.ts'
import { OTHER } from './read-streams.ts'

/**
 * Streams of `sources` that no rule defines: their events could never come. `place` is `loadSettings`'s; without it
 * the findings name the file only.
 */
export function checkSourceStreams(
  settings: Pick<Settings, 'file' | 'sources'>,
  model: Pick<RulesModel, 'streams'>,
  place?: (path: Path) => Place,
): Finding[] {
  const known = [OTHER, ...model.streams.map((stream) => stream.name)]
  return settings.sources.flatMap((source, index) =>
    (source.streams ?? []).flatMap((name, at): Finding[] => {
      if (known.includes(name)) return []
      const path = ['sources', index, 'streams', at]
      const where = place?.(path) ?? { file: settings.file, line: 0, column: 0 }
      const message = `${pathText(path)}: there is no stream ${quoted(name)}`
      return [{ level: 'error', ...where, message, hint: meant(name, known) }]
    }),
  )
}
