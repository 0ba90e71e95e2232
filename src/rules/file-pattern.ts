/** `{tenant}` and `{date}` in the path of a `file:` destination, and which paths could be one file. */

export interface Problem {
  readonly message: string
  readonly hint: string
}

const PLACEHOLDER = /\{([^{}]*)\}/g
const DATE = /[0-9]{4}-[0-9]{2}-[0-9]{2}/g
/** What rotation appends: `.1`, `.17`, `.1.gz`; `.part` while a file is being compressed. */
const ROTATED = /\.[1-9][0-9]{0,3}(\.gz(\.part)?)?$/

/** What is wrong with the braces of a path, or null. */
export function patternProblem(path: string): Problem | null {
  for (const [whole, name] of path.matchAll(PLACEHOLDER)) {
    if (name !== 'tenant' && name !== 'date')
      return { message: `nothing stands for ${whole}`, hint: 'use {tenant} or {date}' }
  }
  if (/[{}]/.test(path.replace(PLACEHOLDER, '')))
    return { message: 'holds a brace that is none of {tenant} and {date}', hint: 'remove it' }
  // What is put aside of `acme` would be the file of a tenant `acme.1`.
  if (!path.endsWith('{tenant}')) return null
  return {
    message: 'ends with {tenant}',
    hint: 'a tenant’s name may end as files put aside do: write {tenant}.log',
  }
}

/** The path of a tenant's own forwarder: only one name can stand there. */
export function withTenant(path: string, tenant: string): string {
  return path.replaceAll('{tenant}', tenant)
}

/** The file whose rotation would make this name; undefined for a name that rotation never makes. */
export function rotatedFrom(path: string): string | undefined {
  const base = path.replace(ROTATED, '')
  return base === path || base.endsWith('/') ? undefined : base
}

/** Paths that are taken, each by somebody; asks which of them could be the same file as another. */
export class TakenPaths<Who> {
  readonly #plain = new Map<string, Who>()
  /** Paths of patterns with a date only, and of plain ones with anything that looks like a date, as `{date}`. */
  readonly #dated = new Map<string, Who>()
  readonly #dates = new Map<string, Who>()
  readonly #tenants: { readonly steps: Steps; readonly who: Who }[] = []

  take(path: string, who: Who): void {
    if (path.includes('{tenant}')) {
      this.#tenants.push({ steps: stepsOf(path), who })
      return
    }
    const dated = path.replace(DATE, '{date}')
    if (path.includes('{date}')) this.#dated.set(dated, who)
    else {
      this.#plain.set(path, who)
      this.#dates.set(dated, who)
    }
  }

  /** Who has a path that may, for some tenant and day, be this one. */
  find(path: string): Who | undefined {
    const steps = stepsOf(path)
    for (const { steps: taken, who } of this.#tenants) if (canMeet(taken, steps)) return who
    if (path.includes('{tenant}')) {
      for (const [taken, who] of [...this.#plain, ...this.#dated])
        if (canMeet(steps, stepsOf(taken))) return who
      return undefined
    }
    const dated = path.replace(DATE, '{date}')
    if (path.includes('{date}')) return this.#dated.get(dated) ?? this.#dates.get(dated)
    return this.#plain.get(path) ?? this.#dated.get(dated)
  }
}

/** A path step by step: UTF-16 units, and below 0 what may stand there. */
type Steps = Int32Array
const DIGIT = -1
/** One character of a tenant's name or more. */
const NAME = -2
const SLASH = 0x2f
const DAY = [DIGIT, DIGIT, DIGIT, DIGIT, 0x2d, DIGIT, DIGIT, 0x2d, DIGIT, DIGIT]

function stepsOf(path: string): Steps {
  const parts = path.split(PLACEHOLDER)
  return Int32Array.from(
    parts.flatMap((part, n) =>
      n % 2 === 0
        ? Array.from({ length: part.length }, (_, at) => part.charCodeAt(at))
        : part === 'tenant'
          ? [NAME]
          : DAY,
    ),
  )
}

/**
 * Whether two patterns can become the same path. Each pair of places that a common beginning leads to is looked at once: trying
 * names one after the other would take hours where a path says `{tenant}` often.
 */
function canMeet(one: Steps, other: Steps): boolean {
  let heads = 0
  while (heads < one.length && heads < other.length && one[heads] === other[heads] && one[heads] !== NAME)
    heads += 1
  const width = other.length + 1
  const seen = new Uint8Array((one.length + 1) * width)
  const left = [heads * width + heads]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (seen[at] === 1) continue
    seen[at] = 1
    const i = Math.floor(at / width)
    const j = at % width
    if (i === one.length || j === other.length) {
      if (i === one.length && j === other.length) return true
      continue
    }
    const a = one[i] ?? 0
    const b = other[j] ?? 0
    if (!fits(a, b)) continue
    left.push(at + width + 1)
    // A name may go on.
    if (a === NAME) left.push(at + 1)
    if (b === NAME) left.push(at + width)
  }
  return false
}

/** Whether one character can be both. */
function fits(a: number, b: number): boolean {
  if (a === NAME) return b !== SLASH
  if (b === NAME) return a !== SLASH
  return a === b || (a === DIGIT && isDigit(b)) || (b === DIGIT && isDigit(a))
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
