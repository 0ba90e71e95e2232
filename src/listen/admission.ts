/** Who may send at all, and which source a peer belongs to. Pure; asked once a connection or (UDP) once a peer. */
import { LogweirError } from '../base/errors.ts'
import type { ListenerSettings, SourceSettings } from '../config/types.ts'
import { PrefixTable } from './prefixes.ts'
import type { RefuseReason } from './types.ts'

export class Admission {
  /** Undefined: anyone. */
  readonly #allow: PrefixTable | undefined
  /** Undefined: no sources are configured. */
  readonly #sources: PrefixTable | undefined

  /** @throws LogweirError when a network cannot be read (the configuration's check finds that first). */
  constructor(settings: Pick<ListenerSettings, 'name' | 'allow'>, sources: readonly SourceSettings[]) {
    if (settings.allow !== null) {
      const networks = settings.allow.map((network) => [network, 1] as const)
      this.#allow = table(networks, `\`allow\` of listener ${settings.name}`)
    }
    if (sources.length > 0) {
      const networks = sources.flatMap(({ from }, index) =>
        from.map((network) => [network, index + 1] as const),
      )
      this.#sources = table(networks, '`sources`')
    }
  }

  /** The place of the peer's source plus 1 (0: none are configured), or why it is refused. */
  admit(address: string): number | Extract<RefuseReason, 'not_allowed' | 'unknown_source'> {
    if (this.#allow !== undefined && this.#allow.find(address) === -1) return 'not_allowed'
    if (this.#sources === undefined) return 0
    const source = this.#sources.find(address)
    return source === -1 ? 'unknown_source' : source
  }

  /** The place of the peer's source plus 1, whether it may send or not; 0: it has none. */
  sourceOf(address: string): number {
    return Math.max(0, this.#sources?.find(address) ?? 0)
  }
}

function table(networks: readonly (readonly [string, number])[], where: string): PrefixTable {
  const made = new PrefixTable()
  for (const [network, value] of networks) {
    if (made.add(network, value)) continue
    throw new LogweirError(
      'listen_network',
      `${where}: ${network} is not a network`,
      'write it as 10.0.0.0/8 or ::1/128',
    )
  }
  return made
}
