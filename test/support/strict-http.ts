/**
 * Receivers over HTTP that follow the published API of a product and refuse what it refuses, with faults before and
 * behind: they keep what they stored, by the sequence numbers in the events, and what was wrong with a request.
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { listenSteadily } from './steady-port.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Inflated. */
  readonly body: string
  /** Bytes as they came over the wire. */
  readonly bytes: number
}

export interface Said {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What a product makes of a request; `store` is called once for each event that it keeps. */
export interface Product {
  answer(asked: Asked, store: (text: string) => void): Said
}

export type Fault =
  /** The product answers. */
  | { readonly kind: 'none' }
  /** Something in front of it does. */
  | { readonly kind: 'says'; readonly said: Said }
  /** The connection is reset when so many bytes of the request are there. */
  | { readonly kind: 'reset'; readonly after: number }
  /** Stored, and never answered. */
  | { readonly kind: 'silent' }
  /** Stored, and the answer breaks off behind its status line. */
  | { readonly kind: 'cut' }
  /** Stored, and answered after so many ms. */
  | { readonly kind: 'late'; readonly ms: number }

export const NONE: Fault = { kind: 'none' }

/** The number behind `seq=` in an event, or the rule id of a firewall line that the router's tests make. */
export function seqOf(text: string): number {
  const match = /seq=(\d+)| PASS (\d+) /.exec(text)
  return Number(match?.[1] ?? match?.[2] ?? -1)
}

export class StrictServer {
  /** How often each number was stored. */
  readonly stored = new Map<number, number>()
  readonly order: number[] = []
  readonly asked: Asked[] = []
  port = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #watchers = new Set<() => void>()
  readonly #product: Product
  /** Decides for each request that carries events, counted from 1. */
  fault: (count: number, path: string) => Fault
  #count = 0
  connections = 0
  /** Requests that were answered with 413. */
  refused = 0

  constructor(
    product: Product,
    fault: (count: number, path: string) => Fault = () => NONE,
    tls?: TlsOptions,
  ) {
    this.#product = product
    this.fault = fault
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      this.#take(request, response).catch(() => response.destroy())
    }
    this.#server = tls === undefined ? createServer(take) : createSecure(tls, take)
    const track = (socket: Socket): void => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    }
    // Unfinished handshakes are nobody's connection, but must be closed too.
    this.#server.on('connection', track)
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => {
      this.connections += 1
    })
    this.#server.on('tlsClientError', () => this.#tell())
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<this> {
    this.port = await listenSteadily(this.#server, port, host)
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Resolves when `holds` does; looked at after each request. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!holds()) return
        this.#watchers.delete(watch)
        resolve()
      }
      this.#watchers.add(watch)
    })
  }

  /** Numbers in [0, count) that never came. */
  missing(count: number): number[] {
    return Array.from({ length: count }, (_, n) => n).filter((n) => !this.stored.has(n))
  }

  /** Events stored more than once, counted as often as they are there too often. */
  get doubled(): number {
    let sum = 0
    for (const times of this.stored.values()) sum += times - 1
    return sum
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://receiver')
    const carries = !url.pathname.endsWith('/ack')
    const fault = carries ? this.fault((this.#count += 1), url.pathname) : NONE
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of request) {
      chunks.push(chunk as Buffer)
      bytes += (chunk as Buffer).length
      if (fault.kind === 'reset' && bytes >= fault.after) {
        request.socket.resetAndDestroy()
        this.#tell()
        return
      }
    }
    const raw = Buffer.concat(chunks)
    const encoding = request.headers['content-encoding']
    const body = encoding === 'gzip' ? gunzipSync(raw).toString() : raw.toString()
    const asked: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
      bytes,
    }
    this.asked.push(asked)
    const said = fault.kind === 'says' ? fault.said : this.#product.answer(asked, (text) => this.#store(text))
    if (said.status === 413) this.refused += 1
    this.#tell()
    if (fault.kind === 'silent') return
    if (fault.kind === 'late') await new Promise((done) => setTimeout(done, fault.ms))
    if (fault.kind === 'cut') {
      request.socket.write('HTTP/1.1 ')
      request.socket.resetAndDestroy()
      return
    }
    response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers })
    response.end(said.body ?? '')
  }

  #store(text: string): void {
    const n = seqOf(text)
    this.stored.set(n, (this.stored.get(n) ?? 0) + 1)
    this.order.push(n)
  }

  #tell(): void {
    for (const watch of [...this.#watchers]) watch()
  }
}
