/**
 * The example configuration and rules, changed so that all of it stays in one folder and on free ports: the listeners
 * on loopback, each forwarder to a receiver of the demo.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml'
import { exampleConfiguration, exampleRules } from './package-files.ts'

/** A forwarder of the example rules. */
export interface DemoForwarder {
  /** `provider` for the provider's. */
  readonly tenant: string
  readonly name: string
}

export interface DemoTenant {
  readonly name: string
  /** Texts that only this tenant's labels and keys hold, in lower case: beginnings of its ids, its literal labels, its keys. */
  readonly marks: readonly string[]
}

/** Characters of an id that every label format keeps together, hyphens or not. */
const MARK = 8

export class DemoRules {
  readonly #files: readonly { readonly name: string; readonly document: Document }[]

  constructor() {
    this.#files = exampleRules().map(({ name, text }) => ({ name, document: parseDocument(text) }))
  }

  forwarders(): DemoForwarder[] {
    return [...this.#maps()].map(({ tenant, map }) => ({ tenant, name: String(map.get('name')) }))
  }

  tenants(): DemoTenant[] {
    return this.#files.flatMap(({ document }) => {
      const { tenants = [] } = (document.toJS() ?? {}) as { tenants?: readonly TenantEntry[] }
      return tenants.map(readTenant)
    })
  }

  /** Writes the rules with every forwarder leading to its receiver. */
  write(folder: string, portOf: (forwarder: DemoForwarder) => number): void {
    for (const { tenant, map } of this.#maps()) {
      const port = portOf({ tenant, name: String(map.get('name')) })
      map.set('to', `tcp://127.0.0.1:${port}`)
      map.delete('rotate')
      map.delete('type')
    }
    mkdirSync(folder, { recursive: true })
    for (const { name, document } of this.#files) writeFileSync(path.join(folder, name), String(document))
  }

  /** The forwarders' entries, tenants' first in each file. */
  *#maps(): Generator<{ tenant: string; map: YAMLMap }> {
    for (const { document } of this.#files) {
      const tenants = document.get('tenants')
      for (const entry of isSeq(tenants) ? tenants.items : []) {
        if (isMap(entry))
          for (const map of mapsIn(entry.get('forwarders'))) yield { tenant: String(entry.get('name')), map }
      }
      for (const map of mapsIn(document.getIn(['provider', 'forwarders']))) yield { tenant: 'provider', map }
    }
  }
}

interface TenantEntry {
  readonly name: string
  readonly org?: { readonly id: string }
  readonly org_vdcs?: readonly { readonly id: string }[]
  readonly data_center_groups?: readonly { readonly id: string }[]
  readonly gateways?: readonly { readonly id: string }[]
  readonly labels?: readonly string[]
  readonly cf_organizations?: readonly string[]
}

function readTenant({
  name,
  org,
  org_vdcs = [],
  data_center_groups = [],
  gateways = [],
  labels = [],
  cf_organizations = [],
}: TenantEntry): DemoTenant {
  const objects = [...(org === undefined ? [] : [org]), ...org_vdcs, ...data_center_groups, ...gateways]
  const ids = objects.map(({ id }) => id.slice(id.lastIndexOf(':') + 1).slice(0, MARK))
  return { name, marks: [...ids, ...labels, ...cf_organizations].map((mark) => mark.toLowerCase()) }
}

function mapsIn(list: unknown): YAMLMap[] {
  return isSeq(list) ? list.items.filter((item) => isMap(item)) : []
}

/** Writes the configuration into the folder. Returns its path. */
export function writeConfiguration(folder: string): string {
  const document = parseDocument(exampleConfiguration())
  const listeners = document.get('listeners')
  for (const listener of mapsIn(listeners)) {
    listener.set('bind', '127.0.0.1:0')
    if (!listener.has('tls')) continue
    listener.setIn(['tls', 'certificate'], 'certs/router.crt')
    listener.setIn(['tls', 'key'], 'certs/router.key')
  }
  document.set('rules', 'rules')
  document.set('data', 'var')
  document.setIn(['admin', 'bind'], 'unix:admin.socket')
  document.setIn(['log', 'format'], 'json')
  const file = path.join(folder, 'logweir.yaml')
  writeFileSync(file, String(document))
  return file
}

/** The certificate that the router makes at its start. */
export function certificateFile(folder: string): string {
  return path.join(folder, 'certs/router.crt')
}
