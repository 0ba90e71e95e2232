/** An HTTP proxy that tunnels (CONNECT) and forwards (absolute URLs), with or without a login, plain or over TLS. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecure } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TlsOptions } from 'node:tls'

export class HttpProxy {
  /** `CONNECT host:port` and `POST http://…`, as they came. */
  readonly asked: string[] = []
  /** What came of `Proxy-Authorization`. */
  readonly authorizations: (string | undefined)[] = []
  /** Answered to CONNECT instead of opening a tunnel: a status line with headers. */
  refusal: string | null = null
  /** Takes CONNECT and says nothing. */
  silent = false
  port = 0
  readonly #server: Server
  readonly #login: string | null
  readonly #sockets = new Set<Duplex>()

  constructor(login: string | null = null, tls?: TlsOptions) {
    this.#login = login
    this.#server = tls === undefined ? createServer() : createSecure(tls)
    this.#server.on('request', (asked: IncomingMessage, answer: ServerResponse) =>
      this.#forward(asked, answer),
    )
    this.#server.on('connect', (asked: IncomingMessage, socket: Duplex) => this.#tunnel(asked, socket))
    this.#server.on('connection', (socket: Socket) => this.#track(socket))
    this.#server.on('tlsClientError', () => undefined)
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #track(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #allowed(asked: IncomingMessage): boolean {
    this.asked.push(`${asked.method ?? ''} ${asked.url ?? ''}`)
    const authorization = asked.headers['proxy-authorization']
    this.authorizations.push(authorization)
    return this.#login === null || authorization === `Basic ${Buffer.from(this.#login).toString('base64')}`
  }

  #tunnel(asked: IncomingMessage, socket: Duplex): void {
    this.#track(socket)
    const allowed = this.#allowed(asked)
    if (this.silent) return
    if (!allowed || this.refusal !== null) {
      const line = allowed ? this.refusal : '407 Proxy Authentication Required'
      socket.end(`HTTP/1.1 ${line ?? ''}\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    const [host = '', port = ''] = (asked.url ?? '').split(':')
    // Names are the proxy's to resolve: whatever is asked for is here.
    const to = connect(Number(port), host.endsWith('.example.com') ? '127.0.0.1' : host)
    this.#track(to)
    socket.on('close', () => to.destroy())
    to.on('close', () => socket.destroy())
    to.on('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(to).pipe(socket)
    })
    to.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    if (!this.#allowed(asked)) {
      asked.resume()
      answer.writeHead(407).end()
      return
    }
    const url = URL.canParse(asked.url ?? '') ? new URL(asked.url ?? '') : undefined
    if (url === undefined) {
      asked.resume()
      answer.writeHead(400).end('no absolute URL')
      return
    }
    const { 'proxy-authorization': _, ...headers } = asked.headers
    const on = request(
      { host: '127.0.0.1', port: url.port, path: url.pathname + url.search, method: asked.method, headers },
      (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers)
        got.pipe(answer)
      },
    )
    on.on('error', () => answer.writeHead(502).end())
    asked.pipe(on)
  }
}
