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
  readonly #tenants: { readonly test: RegExp; readonly sample: string; readonly who: Who }[] = []

  take(path: string, who: Who): void {
    if (path.includes('{tenant}')) {
      this.#tenants.push({ test: expansions(path), sample: sampleOf(path), who })
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
    const sample = sampleOf(path)
    for (const { test, sample: other, who } of this.#tenants)
      if (test.test(sample) || (path.includes('{tenant}') && expansions(path).test(other))) return who
    if (path.includes('{tenant}')) {
      const test = expansions(path)
      for (const [taken, who] of [...this.#plain, ...this.#dated]) if (test.test(sampleOf(taken))) return who
      return undefined
    }
    const dated = path.replace(DATE, '{date}')
    if (path.includes('{date}')) return this.#dated.get(dated) ?? this.#dates.get(dated)
    return this.#plain.get(path) ?? this.#dated.get(dated)
  }
}

/** All that a pattern can become. Tenants' names have no `/`. */
function expansions(pattern: string): RegExp {
  let source = ''
  pattern.split(PLACEHOLDER).forEach((part, n) => {
    if (n % 2 === 0) source += part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    else source += part === 'date' ? '[0-9]{4}-[0-9]{2}-[0-9]{2}' : '[^/]{1,200}'
  })
  return new RegExp(`^${source}$`)
}

function sampleOf(pattern: string): string {
  return pattern.replaceAll('{tenant}', 'a').replaceAll('{date}', '2026-01-02')
}
