/**
 * A Cloud Director for tests and benches: versions, API tokens and the four collections of the published API with their types, as strict as
 * the real one about versions, pages and logins; and everything that goes wrong on the way.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'

interface Ref {
  readonly id: string
  readonly name: string
}
export interface VcdOrg extends Ref {
  readonly displayName: string
  readonly isEnabled: boolean
}
export interface VcdVdc extends Ref {
  readonly allocationType: string
  readonly org: Ref
}
export interface VcdGroup extends Ref {
  readonly orgId: string
  readonly type: string
  readonly networkProviderType: string
  readonly status: string
  readonly participatingOrgVdcs: readonly {
    readonly vdcRef: Ref
    readonly orgRef: Ref
    readonly remoteOrg: boolean
  }[]
}
export interface VcdGateway extends Ref {
  readonly status: string
  readonly ownerRef: Ref | null
  readonly orgVdc: Ref | null
  readonly orgRef: Ref | null
  readonly gatewayBacking: { readonly backingId: string; readonly gatewayType: string }
}

export interface World {
  orgs: VcdOrg[]
  vdcs: VcdVdc[]
  vdcGroups: VcdGroup[]
  edgeGateways: VcdGateway[]
}
type Collection = keyof World

/** A UUID that no other kind and number has, and whose first characters differ too. */
export function uuidOf(kind: number, n: number): string {
  const mixed = Math.imul(n * 8 + kind + 1, 0x9e3779b1) >>> 0
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
  return `${hex(mixed, 8)}-${hex((mixed * 7) & 0xffff, 4)}-4${hex(n & 0xfff, 3)}-8${hex(kind, 3)}-${hex(mixed, 8)}${hex(n & 0xffff, 4)}`
}

export const urn = (kind: 'org' | 'vdc' | 'vdcGroup' | 'gateway', uuid: string): string =>
  `urn:vcloud:${kind}:${uuid}`

export function orgOf(n: number, name = `org-${n}`): VcdOrg {
  return { id: urn('org', uuidOf(0, n)), name, displayName: name, isEnabled: true }
}

export function vdcOf(n: number, org: Ref, name = `vdc-${n}`): VcdVdc {
  return { id: urn('vdc', uuidOf(1, n)), name, allocationType: 'Flex', org: { id: org.id, name: org.name } }
}

export function groupOf(n: number, org: Ref, members: readonly VcdVdc[], name = `group-${n}`): VcdGroup {
  return {
    id: urn('vdcGroup', uuidOf(2, n)),
    name,
    orgId: org.id,
    type: 'LOCAL',
    networkProviderType: 'NSX_T',
    status: 'REALIZED',
    participatingOrgVdcs: members.map(({ id, name: of, org: orgRef }) => {
      return { vdcRef: { id, name: of }, orgRef, remoteOrg: false }
    }),
  }
}

export function gatewayOf(n: number, org: Ref, owner: Ref, name = `gw-${n}`): VcdGateway {
  return {
    id: urn('gateway', uuidOf(3, n)),
    name,
    status: 'REALIZED',
    ownerRef: { id: owner.id, name: owner.name },
    orgVdc: null,
    orgRef: { id: org.id, name: org.name },
    gatewayBacking: { backingId: uuidOf(4, n), gatewayType: 'NSXT_BACKED' },
  }
}

/** Organisations with two Org VDCs, a group of both, and a gateway under the group and one under an Org VDC. */
export function makeWorld(count: number): World {
  const world: World = { orgs: [], vdcs: [], vdcGroups: [], edgeGateways: [] }
  for (let n = 0; n < count; n++) {
    const org = orgOf(n)
    const vdcs = [vdcOf(2 * n, org), vdcOf(2 * n + 1, org)] as const
    const group = groupOf(n, org, vdcs)
    world.orgs.push(org)
    world.vdcs.push(...vdcs)
    world.vdcGroups.push(group)
    world.edgeGateways.push(gatewayOf(2 * n, org, group), gatewayOf(2 * n + 1, org, vdcs[0]))
  }
  return world
}

const VERSIONS = `<?xml version="1.0" encoding="UTF-8"?>
<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">
  <VersionInfo deprecated="true"><Version>35.2</Version><LoginUrl>https://vcd/api/sessions</LoginUrl></VersionInfo>
  <VersionInfo deprecated="false"><Version>37.3</Version><LoginUrl>https://vcd/cloudapi/1.0.0/sessions</LoginUrl></VersionInfo>
  <VersionInfo deprecated="false"><Version>38.1</Version><LoginUrl>https://vcd/cloudapi/1.0.0/sessions</LoginUrl></VersionInfo>
  <VersionInfo deprecated="false"><Version>38.2.0-alpha-1</Version><LoginUrl>x</LoginUrl></VersionInfo>
  <VersionInfo deprecated="false"><Version>99.0</Version><LoginUrl>x</LoginUrl></VersionInfo>
</SupportedVersions>`
const VERSION = '38.1'
const COLLECTIONS = ['orgs', 'vdcs', 'vdcGroups', 'edgeGateways'] as const

export class VcdServer {
  world: World
  readonly token = 'an-api-token-of-this-test'
  /** Milliseconds before each answer. */
  delay = 0
  /** Requests of collections after which the login ends, once. */
  expire_after = Number.POSITIVE_INFINITY
  /** Every login ends at once. */
  always_401 = false
  /** Collections that the role must not see. */
  readonly forbidden = new Set<Collection>()
  /** Answered to collections before they are answered well: status codes. */
  readonly troubles: number[] = []
  /** Links with a cursor instead of page numbers. */
  cursors = false
  /** No Link header and no pageCount. */
  bare = false
  /** Called before each page, for what changes meanwhile. */
  beforePage: (collection: Collection, page: number) => void = () => undefined
  /** The text of this page is broken off. */
  broken: string | null = null
  rotate_to: string | null = null
  logins = 0
  requests = 0
  /** The most requests that were there at once. */
  most_at_once = 0
  /** Requests that a real one would refuse. */
  readonly wrong: string[] = []
  url = ''
  #at_once = 0
  #access = ''
  #pages = 0
  readonly #server: Server

  constructor(world: World, tls?: TlsOptions) {
    this.world = world
    this.#server = tls === undefined ? createServer() : createSecure(tls)
    this.#server.on(
      'request',
      (asked: IncomingMessage, answer: ServerResponse) => void this.#take(asked, answer),
    )
    this.#server.on('tlsClientError', () => undefined)
  }

  async listen(secure: boolean): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    this.url = secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #take(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    this.requests += 1
    this.#at_once += 1
    this.most_at_once = Math.max(this.most_at_once, this.#at_once)
    let body = ''
    for await (const chunk of asked) body += String(chunk)
    if (this.delay > 0) await new Promise((go) => setTimeout(go, this.delay))
    this.#at_once -= 1
    const url = new URL(asked.url ?? '', 'http://vcd')
    if (url.pathname === '/api/versions') answer.writeHead(200, { 'content-type': 'text/xml' }).end(VERSIONS)
    else if (url.pathname === '/oauth/provider/token') this.#login(asked, body, answer)
    else this.#collection(url, asked, answer)
  }

  #login({ method, headers }: IncomingMessage, body: string, answer: ServerResponse): void {
    const form = new URLSearchParams(body)
    const good =
      method === 'POST' &&
      headers['content-type'] === 'application/x-www-form-urlencoded' &&
      headers.accept === `application/*;version=${VERSION}` &&
      form.get('grant_type') === 'refresh_token' &&
      form.get('refresh_token') === this.token
    if (!good) return this.#refuse(answer, 400, 'BAD_REQUEST', 'invalid_grant')
    this.logins += 1
    this.#access = `access-${this.logins}`
    this.#json(answer, {
      access_token: this.#access,
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: this.rotate_to,
    })
  }

  #collection(url: URL, { method, headers }: IncomingMessage, answer: ServerResponse): void {
    const name = COLLECTIONS.find((one) => url.pathname === `/cloudapi/1.0.0/${one}`)
    if (name === undefined || method !== 'GET') return this.#refuse(answer, 404, 'NOT_FOUND', url.pathname)
    if (headers.accept !== `application/json;version=${VERSION}`)
      return this.#refuse(
        answer,
        406,
        'NOT_ACCEPTABLE',
        `The API version is not supported: ${headers.accept ?? ''}`,
      )
    if (this.#pages >= this.expire_after) {
      this.expire_after = Number.POSITIVE_INFINITY
      this.#access = 'ended'
    }
    if (this.always_401 || headers.authorization !== `Bearer ${this.#access}`)
      return this.#refuse(answer, 401, 'UNAUTHORIZED', 'This operation is denied.', false)
    if (this.forbidden.has(name))
      return this.#refuse(
        answer,
        403,
        'ACCESS_TO_RESOURCE_IS_FORBIDDEN',
        'Either you need some or all of the following rights',
        false,
      )
    const trouble = this.troubles.shift()
    if (trouble !== undefined)
      return this.#refuse(answer, trouble, 'INTERNAL_SERVER_ERROR', 'try again', false)
    this.#pages += 1
    this.#page(name, url, answer)
  }

  #page(name: Collection, url: URL, answer: ServerResponse): void {
    const query = url.searchParams
    const unknown = [...query.keys()].filter((key) => !['page', 'pageSize', 'cursor'].includes(key))
    const page = Number(query.get('cursor') ?? query.get('page') ?? '1')
    const size = Number(query.get('pageSize') ?? '25')
    if (
      unknown.length > 0 ||
      !Number.isInteger(page) ||
      page < 1 ||
      !Number.isInteger(size) ||
      size < 1 ||
      size > 128
    )
      return this.#refuse(answer, 400, 'BAD_REQUEST', `bad paging: ${url.search}`)
    if (this.cursors && page > 1 && !query.has('cursor'))
      return this.#refuse(answer, 400, 'BAD_REQUEST', 'this endpoint has cursors')
    this.beforePage(name, page)
    const all = this.world[name] as readonly unknown[]
    const values = all.slice((page - 1) * size, page * size)
    const pageCount = Math.ceil(all.length / size)
    const next = this.cursors ? `pageSize=${size}&cursor=${page + 1}` : `page=${page + 1}&pageSize=${size}`
    if (!this.bare && page < pageCount)
      answer.setHeader('link', [
        `<https://vcd.public.example${url.pathname}?page=1>;rel="firstPage";type="application/json"`,
        `<https://vcd.public.example${url.pathname}?${next}>;rel="nextPage";type="application/json"`,
      ])
    const counts = this.bare ? { resultTotal: all.length } : { resultTotal: all.length, pageCount }
    const text = JSON.stringify({ ...counts, page, pageSize: size, associations: null, values })
    answer.setHeader('content-type', `application/json;version=${VERSION}`)
    answer.end(this.broken === `${name} ${page}` ? text.slice(0, text.length / 2) : text)
  }

  #json(answer: ServerResponse, value: unknown): void {
    answer.setHeader('content-type', 'application/json')
    answer.end(JSON.stringify(value))
  }

  /** `ours`: the client did something that it must not do. */
  #refuse(answer: ServerResponse, status: number, code: string, message: string, ours = true): void {
    if (ours) this.wrong.push(`${status} ${message}`)
    answer.writeHead(status, { 'content-type': 'application/json' })
    answer.end(JSON.stringify({ minorErrorCode: code, message, stackTrace: null }))
  }
}
