/**
 * Where text of one stream could become a line of another: a sender that ends frames with a newline, and sends both what
 * people write (names of machines, commands, events) and firewall lines, whose labels are believed.
 */
import { overlap, within } from '../config/addresses.ts'
import type { Finding, Place } from '../config/findings.ts'
import { pathText } from '../config/report.ts'
import type { ListenerSettings, Settings, SourceSettings } from '../config/types.ts'
import type { Path } from '../config/yaml.ts'
import type { RulesModel } from './model.ts'
import { OTHER } from './read-streams.ts'

const HINT =
  'let senders count octets (ESXi 8: `?formatter=RFC_5424`, or `framing=octet_counting`, in Syslog.global.logHost) ' +
  'and set `framing: octet-counting` on the listener; or take this source by UDP or RELP'

/** A warning for each source that may send both over a listener that ends frames at newlines. `place` as `loadSettings`'s. */
export function checkForgeable(
  settings: Pick<Settings, 'file' | 'sources' | 'listeners'>,
  model: Pick<RulesModel, 'streams'>,
  place?: (path: Path) => Place,
): Finding[] {
  const labelled = model.streams.filter(({ label }) => label !== 'none').map(({ name }) => name)
  return settings.sources.flatMap((source, index): Finding[] => {
    const trusted = labelled.find((name) => source.streams?.includes(name) !== false)
    const free = freeStream(source, labelled)
    const listeners = settings.listeners.filter((one) => endsAtNewlines(one) && reaches(source, one))
    if (trusted === undefined || free === undefined || listeners.length === 0) return []
    const path = source.streams === null ? ['sources', index] : ['sources', index, 'streams']
    const where = place?.(path) ?? { file: settings.file, line: 0, column: 0 }
    const names = listeners.map(({ name }) => name).join(', ')
    const message =
      `${pathText(path)}: ${source.name} may send ${free} and ${trusted} to ${names}, where a newline ends a frame: ` +
      `text of the one that holds a newline could become a line of the other, with any label`
    return [{ level: 'warning', ...where, message, hint: HINT }]
  })
}

/** A stream of the source that carries no labels, so that its text is anybody's. */
function freeStream({ streams }: SourceSettings, labelled: readonly string[]): string | undefined {
  return (streams ?? [OTHER]).find((name) => !labelled.includes(name))
}

function endsAtNewlines(listener: ListenerSettings): boolean {
  return 'framing' in listener && listener.framing !== 'octet-counting'
}

/** Whether the source's peers are let in. What this machine sends itself is not looked at: nobody else's text comes from there unread. */
function reaches(source: SourceSettings, { allow }: ListenerSettings): boolean {
  const from = source.from.filter((network) => !LOOPBACK.some((own) => within(network, own)))
  return from.some((network) => allow === null || allow.some((one) => overlap(network, one)))
}

const LOOPBACK = ['127.0.0.0/8', '::1/128']
