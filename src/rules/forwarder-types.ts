/**
 * What each type of destination can do, for the reader of the rules: one entry a type. What it sends is one file in
 * `src/forward/`, entered in `src/forward/create.ts`.
 */
import type { Encoding, ForwarderSettings, Target } from './forwarder-settings.ts'

export type ForwarderType = ForwarderSettings['type']
type Scheme = Target['scheme']
type Format = ForwarderSettings['format']

export interface TypeTraits {
  readonly schemes: readonly Scheme[]
  /** Formats it can send, the default first; empty: it has a form of its own. */
  readonly formats: readonly Format[]
  /** Names of JSON fields when nothing is said. */
  readonly encoding: Encoding
  /** Keys that this type can do something with and not every other. */
  readonly keys: readonly string[]
  /** Of requests; the defaults of `gzip` and `batch`. */
  readonly gzip: boolean
  readonly batch_bytes: number
  readonly batch_events: number
  /** It cannot work without a `token`. */
  readonly needs_token: boolean
}

const ALL: readonly Format[] = ['original', 'rfc5424', 'rfc3164', 'json']
const PLAIN = {
  encoding: 'own',
  gzip: false,
  batch_bytes: 900_000,
  batch_events: 500,
  needs_token: false,
} as const

export const FORWARDER_TYPES: Readonly<Record<ForwarderType, TypeTraits>> = {
  syslog: { ...PLAIN, schemes: ['udp', 'tcp', 'tls', 'relp', 'relp-tls'], formats: ALL, keys: ['encoding'] },
  file: { ...PLAIN, schemes: ['file'], formats: ALL, keys: ['encoding'] },
  http: {
    ...PLAIN,
    schemes: ['http', 'https'],
    formats: ['json'],
    keys: ['encoding', 'token', 'username', 'password', 'body'],
  },
  'log-insight-cloud': {
    ...PLAIN,
    schemes: ['http', 'https'],
    formats: [],
    keys: ['token', 'structure'],
    gzip: true,
    // The cloud's own collectors fill a megabyte; a request costs as much as encoding a hundred events.
    batch_events: 2000,
    needs_token: true,
  },
  'splunk-hec': {
    ...PLAIN,
    schemes: ['http', 'https'],
    formats: ['original', 'json'],
    keys: ['encoding', 'token', 'hec'],
    gzip: true,
    batch_events: 2000,
    needs_token: true,
  },
  elasticsearch: {
    ...PLAIN,
    schemes: ['http', 'https'],
    formats: ['json'],
    encoding: 'ecs',
    keys: ['encoding', 'token', 'username', 'password', 'elasticsearch'],
    gzip: true,
    batch_bytes: 2_000_000,
    batch_events: 2000,
  },
  cfapi: {
    ...PLAIN,
    schemes: ['http', 'https'],
    formats: [],
    keys: ['token', 'username', 'password', 'cfapi'],
    gzip: true,
  },
}

export const TYPES: readonly string[] = Object.keys(FORWARDER_TYPES)

/** Keys that some type names and this one does not. */
export function foreignKeys(type: ForwarderType): readonly string[] {
  const own = FORWARDER_TYPES[type].keys
  const all = new Set(Object.values(FORWARDER_TYPES).flatMap(({ keys }) => keys))
  return [...all].filter((key) => !own.includes(key))
}

/** Types that take a key, in words. */
export function typesWith(key: string): string {
  return TYPES.filter((type) => FORWARDER_TYPES[type as ForwarderType].keys.includes(key)).join(', ')
}
