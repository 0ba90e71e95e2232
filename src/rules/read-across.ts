/** What shows only when all files are read: names and files that two tenants share, streams that do not exist. */
import { meant } from '../config/nearest.ts'
import { quoted } from '../config/quantities.ts'
import type { Report } from '../config/report.ts'
import type { Path } from '../config/yaml.ts'
import type { ForwarderModel, LabelFormatModel, StreamModel, TenantModel } from './model.ts'
import { type Entry, OTHER } from './read-streams.ts'

/** A stream named in a condition. */
export interface StreamUse {
  readonly name: string
  readonly path: Path
  readonly report: Report
}

/** The provider's forwarders of one file. */
export interface ProviderEntry {
  readonly forwarders: readonly ForwarderModel[]
  readonly report: Report
}

/** Tenants' names: used for files, so they must differ in more than case. Both places are named. */
export function checkTenantNames(tenants: readonly { name: string; path: Path; report: Report }[]): void {
  const seen = new Map<string, (typeof tenants)[number]>()
  for (const tenant of tenants) {
    const first = seen.get(tenant.name.toLowerCase())
    if (first === undefined) {
      seen.set(tenant.name.toLowerCase(), tenant)
      continue
    }
    const where = placeText(first.report, [...first.path, 'name'])
    const message =
      first.name === tenant.name
        ? `tenant ${quoted(tenant.name)} is named twice, first at ${where}`
        : `tenant ${quoted(tenant.name)} differs from ${quoted(first.name)} at ${where} only in case`
    tenant.report.error([...tenant.path, 'name'], message, 'give each tenant its own name')
  }
}

/** Two tenants of one organisation are possible, and usually a copy that was not finished. */
export function checkOrganisations(tenants: readonly Entry<TenantModel>[]): void {
  const seen = new Map<string, Entry<TenantModel>>()
  for (const entry of tenants) {
    const id = entry.model.org?.id
    if (id === undefined) continue
    const first = seen.get(id)
    if (first === undefined) seen.set(id, entry)
    else {
      const where = placeText(first.report, [...first.path, 'org'])
      entry.report.warn(
        [...entry.path, 'org', 'id'],
        `tenant ${first.model.name} at ${where} has the same organisation`,
      )
    }
  }
}

/** The provider's forwarders come from any file; their names must differ all the same. */
export function checkProviderNames(providers: readonly ProviderEntry[]): void {
  const seen = new Map<string, ForwarderModel>()
  for (const { forwarders, report } of providers) {
    for (const forwarder of forwarders) {
      const { name, place } = forwarder
      const first = seen.get(name.toLowerCase())
      if (first === undefined) seen.set(name.toLowerCase(), forwarder)
      // Within one file the reader has said so already.
      else if (first.place.file !== place.file) {
        const where = `${first.place.file}:${first.place.line}`
        const message = `the provider’s forwarder ${quoted(name)} is named twice, first at ${where}`
        report.errorAt(place, message, 'give each its own name')
      }
    }
  }
}

/** Two forwarders that write one file would mix their lines, and one tenant would read another's. */
export function checkFiles(
  tenants: readonly Entry<TenantModel>[],
  providers: readonly ProviderEntry[],
): void {
  const seen = new Map<string, string>()
  const look = (owner: string, { name, place, settings }: ForwarderModel, report: Report): void => {
    if (settings.to.scheme !== 'file') return
    const { path } = settings.to
    const first = seen.get(path)
    if (first === undefined) seen.set(path, `${owner}/${name}`)
    else {
      report.errorAt(
        place,
        `${owner}/${name} writes the file of ${first}`,
        'give each forwarder its own file',
      )
    }
  }
  for (const { model, report } of tenants) for (const one of model.forwarders) look(model.name, one, report)
  for (const { forwarders, report } of providers) for (const one of forwarders) look('provider', one, report)
}

/** Streams that conditions name, once all streams are known. */
export function checkStreamUses(uses: readonly StreamUse[], streams: readonly StreamModel[]): void {
  const names = [OTHER, ...streams.map((stream) => stream.name)]
  const known = new Set(names)
  for (const { name, path, report } of uses) {
    if (!known.has(name)) report.error(path, `there is no stream ${quoted(name)}`, meant(name, names))
  }
}

/** Label formats that streams name. */
export function checkFormatUses(
  entries: readonly Entry<StreamModel>[],
  formats: readonly LabelFormatModel[],
): void {
  const names = formats.map((format) => format.name)
  for (const { model, path, report } of entries) {
    for (const [index, name] of model.label_formats.entries()) {
      if (names.includes(name)) continue
      report.error(
        [...path, 'label_formats', index],
        `there is no label format ${quoted(name)}`,
        meant(name, names),
      )
    }
  }
}

function placeText(report: Report, path: Path): string {
  const { file, line } = report.place(path)
  return `${file}:${line}`
}
