/** Names of tenants. An organisation keeps the name that it got first; nobody else ever gets it while its file is there. */

const NAME_MAX = 64
/** Characters of the id that make a name its own. */
const MARK = 8

export class TenantNames {
  /** Names in lower case, and the organisation that has each; null: a tenant that people wrote, of no organisation. */
  readonly #taken = new Map<string, string | null>([['provider', null]])

  /** A name that somebody has. */
  take(name: string, org: string | null): void {
    this.#taken.set(name.toLowerCase(), org)
  }

  /** A name for an organisation that has none: its own where that is free. */
  choose(org: { readonly id: string; readonly name: string }): string {
    const plain = slug(org.name, NAME_MAX)
    const marked = `${slug(org.name, NAME_MAX - MARK - 1) || 'org'}-${org.id.slice(0, MARK)}`
    for (const name of [plain, marked, `org-${org.id}`]) {
      const taken = this.#taken.get(name.toLowerCase())
      if (name === '' || (taken !== undefined && taken !== org.id)) continue
      this.take(name, org.id)
      return name
    }
    throw new Error(`no name is free for organisation ${org.id}`)
  }
}

/** As names of tenants are: letters, digits, `.`, `_` and `-`, beginning with a letter or digit. */
function slug(name: string, max: number): string {
  return name
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, max)
    .replace(/[-._]+$/, '')
}
