/**
 * Keys other than labels, from tenants to the table of `tenant-keys.ts`: where each counts, whose it is, and the complaint
 * when two tenants have the same.
 */
import type { StreamKey } from '../classify/streams.ts'
import type { Place } from '../config/findings.ts'
import { meant } from '../config/nearest.ts'
import { atPlace, type Findings } from './compile-checks.ts'
import type { Owners } from './compile-owners.ts'
import { gatewayParents, type Known, NOTHING } from './compile-subjects.ts'
import { buildLabelTable, type LabelKey } from './label-table.ts'
import { toByteString, fromByteString } from './label-variants.ts'
import type { GatewayModel, RulesModel, StreamModel, TenantModel } from './model.ts'
import { KEY_SPACES, type KeysPlan, type LabelProbe, type RuleScope } from './plan.ts'

/** A source as far as rule ids go. */
export interface KnownSource {
  readonly name: string
  readonly site: string | null
}

/** A key of a tenant before it has a place in the table. */
interface Claim {
  readonly kind: StreamKey['key']
  readonly scope: RuleScope | null
  /** As it is looked up. */
  readonly text: string
  readonly tenant: number
  readonly known: Known
  readonly place: Place
  /** For people: `rule id 3061 in site fra1`. */
  readonly object: string
}

/** Tenants, by index, and the first claim of each kind: for what `check` says of them. */
export interface CompiledKeys {
  readonly keys: KeysPlan | null
  readonly reachable: ReadonlySet<number>
}

/** The plan's keys; null when no tenant has any. `sources` left out: scopes are not checked. */
export function compileKeys(
  model: RulesModel,
  streams: readonly Pick<StreamModel, 'keys'>[],
  sources: readonly KnownSource[] | undefined,
  owners: Owners,
  findings: Findings,
): CompiledKeys {
  const claims = model.tenants.flatMap(claimsOf)
  const reachable = new Set(claims.map(({ tenant }) => tenant))
  if (claims.length === 0) return { keys: null, reachable }
  checkScopes(model, sources, findings)
  if (model.unread?.streams !== true) checkUsed(claims, streams, findings)
  const scopes = new Scopes()
  const clashes = new Clashes(model.tenants, findings)
  const spaces = new Map<number, Map<string, Claim>>()
  for (const claim of claims) {
    const space =
      claim.scope === null ? KEY_SPACES.findIndex((name) => name === claim.kind) : scopes.space(claim.scope)
    const there = spaces.get(space) ?? new Map<string, Claim>()
    spaces.set(space, there)
    const first = there.get(claim.text)
    if (first === undefined) there.set(claim.text, claim)
    else if (first.tenant !== claim.tenant) clashes.add(first, claim)
  }
  checkOverlaps(scopes, spaces, sources ?? [], clashes)
  return { keys: toPlan(scopes, spaces, streams, owners), reachable }
}

/** Scopes of rule ids by what they say. */
class Scopes {
  readonly list: RuleScope[] = []
  readonly #numbers = new Map<string, number>()

  space(scope: RuleScope): number {
    const name = JSON.stringify(scope)
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.list.push(scope) - 1
      this.#numbers.set(name, number)
    }
    return KEY_SPACES.length + number
  }

  /** Name spaces that count for a source. */
  of({ name, site }: KnownSource): number[] {
    return this.list.flatMap((scope, index) =>
      ('site' in scope ? scope.site === site : scope.source === name) ? [KEY_SPACES.length + index] : [],
    )
  }
}

function claimsOf(tenant: TenantModel, index: number): Claim[] {
  const base = { tenant: index, known: NOTHING, scope: null }
  const projects = tenant.nsx_projects.map(({ id, place }): Claim => {
    return { ...base, kind: 'project', text: toByteString(id), place, object: `NSX project ${id}` }
  })
  const organizations = tenant.cf_organizations.map(({ id, place }): Claim => {
    return { ...base, kind: 'organization', text: id, place, object: `Cloud Foundry organization ${id}` }
  })
  const parents = [...tenant.org_vdcs, ...tenant.data_center_groups].filter(
    ({ contested }) => contested === true,
  )
  const doubtful = new Set(parents.map(({ id }) => id))
  // Whose events a contested gateway's interfaces carry is not known either.
  const sure = tenant.gateways.filter(
    ({ contested, owner }) => contested !== true && !doubtful.has(owner ?? ''),
  )
  const interfaces = sure.flatMap((gateway) =>
    gateway.interfaces.map(({ id, place }): Claim => {
      const known = { ...ownerOf(tenant, gateway), gateway: { id: gateway.id, name: gateway.name } }
      const object = `interface ${id} of gateway ${gateway.name ?? gateway.id}`
      return { ...base, known, kind: 'interface', text: id.replaceAll('-', ''), place, object }
    }),
  )
  const rules = tenant.rule_ids.flatMap(({ scope, ids, place }) =>
    ids.map((id): Claim => {
      return {
        ...base,
        scope,
        kind: 'rule_id',
        text: id,
        place,
        object: `rule id ${id} in ${scopeText(scope)}`,
      }
    }),
  )
  return [...projects, ...interfaces, ...organizations, ...rules]
}

/** What is known of the gateway's owner: nothing unless it is sure. */
function ownerOf(tenant: TenantModel, gateway: GatewayModel): Known {
  const [only, ...more] = gateway.owner === null ? [] : gatewayParents(tenant, gateway)
  return only === undefined || more.length > 0 ? NOTHING : only.known
}

function scopeText(scope: RuleScope): string {
  return 'site' in scope ? `site ${scope.site}` : `source ${scope.source}`
}

function checkScopes(
  model: RulesModel,
  sources: readonly KnownSource[] | undefined,
  findings: Findings,
): void {
  if (sources === undefined) return
  const sites = [...new Set(sources.flatMap(({ site }) => site ?? []))]
  const names = sources.map(({ name }) => name)
  for (const { name, rule_ids } of model.tenants) {
    for (const { scope, place } of rule_ids) {
      const [what, value, known] =
        'site' in scope ? (['site', scope.site, sites] as const) : (['source', scope.source, names] as const)
      if (known.includes(value)) continue
      const hint =
        sources.length === 0
          ? 'rule ids count for the senders in `sources`: configure them'
          : meant(value, known)
      findings.error(place, `tenant "${name}": rule_ids: unknown ${what} "${value}"`, hint)
    }
  }
}

/** Keys that no stream looks for do nothing, which nobody would guess. */
function checkUsed(
  claims: readonly Claim[],
  streams: readonly Pick<StreamModel, 'keys'>[],
  findings: Findings,
): void {
  const looked = new Set(streams.flatMap(({ keys = [] }) => keys.map(({ key }) => key)))
  const told = new Set<string>()
  for (const { kind, place, object } of claims) {
    if (looked.has(kind) || told.has(kind)) continue
    told.add(kind)
    findings.warning(
      place,
      `${object}: no stream looks for this`,
      `add \`{ key: ${kind} }\` to the \`keys\` of a stream`,
    )
  }
}

/** A source can be in the scope of its site and in its own: one rule id must not be two tenants' there. */
function checkOverlaps(
  scopes: Scopes,
  spaces: ReadonlyMap<number, ReadonlyMap<string, Claim>>,
  sources: readonly KnownSource[],
  clashes: Clashes,
): void {
  const done = new Set<string>()
  for (const source of sources) {
    const [one, other] = scopes.of(source)
    if (one === undefined || other === undefined || done.has(`${one} ${other}`)) continue
    done.add(`${one} ${other}`)
    for (const [text, claim] of spaces.get(one) ?? []) {
      const second = spaces.get(other)?.get(text)
      if (second !== undefined && second.tenant !== claim.tenant) clashes.add(claim, second)
    }
  }
}

/** More than this is one mistake made many times. */
const CLASHES_MAX = 50

/** Complains about keys of two tenants. */
class Clashes {
  readonly #tenants: readonly TenantModel[]
  readonly #findings: Findings
  #told = 0

  constructor(tenants: readonly TenantModel[], findings: Findings) {
    this.#tenants = tenants
    this.#findings = findings
  }

  add(first: Claim, second: Claim): void {
    this.#told += 1
    if (this.#told > CLASHES_MAX) return
    const name = (claim: Claim): string =>
      `tenant "${this.#tenants[claim.tenant]?.name ?? ''}" (${claim.object}, ${atPlace(claim.place)})`
    const message = `events of ${name(first)} and of ${name(second)} could not be told apart: both have ${second.text}`
    this.#findings.error(second.place, message, 'a key belongs to one tenant; remove it from the other')
  }
}

function toPlan(
  scopes: Scopes,
  spaces: ReadonlyMap<number, ReadonlyMap<string, Claim>>,
  streams: readonly Pick<StreamModel, 'keys'>[],
  owners: Owners,
): KeysPlan {
  const keys: LabelKey[] = []
  const probes: LabelProbe[][] = []
  for (let space = 0; space < KEY_SPACES.length + scopes.list.length; space++) {
    const claims = [...(spaces.get(space)?.values() ?? [])]
    const by = KEY_SPACES[space] ?? 'rule_id'
    // Ids that are not hex digits or decimal ones are names that somebody chose: in their case.
    const exact = by === 'project'
    const max = Math.max(0, ...claims.map(({ text }) => text.length))
    probes.push(claims.length === 0 ? [] : [{ kind: space, part: 'whole', length: 0, max, exact, by }])
    for (const { text, tenant, known } of claims) {
      const owner = owners.index({ tenant, ...known, by, reason: by })
      keys.push({ kind: space, bytes: fromByteString(text), exact, owner, tenant })
    }
  }
  const there = new Set(keys.map(({ kind }) => KEY_SPACES[kind] ?? 'rule_id'))
  return {
    table: buildLabelTable(keys, probes),
    scopes: scopes.list,
    streams: streams.map(({ keys: asked = [] }) => {
      const found = asked.filter(({ key }) => there.has(key))
      return found.length === 0 ? undefined : found
    }),
  }
}
