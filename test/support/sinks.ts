/** Destinations that behave badly in one way each. All on loopback, on a port that the system picks. */
import { Buffer } from 'node:buffer'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTls, type TlsOptions } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import { listenSteadily } from './steady-port.ts'

/** What came, however it came, and a way to wait for it. */
export class Received {
  readonly chunks: Buffer[] = []
  bytes = 0
  readonly #watchers = new Set<() => void>()

  add(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.bytes += chunk.length
    this.tell()
  }

  text(): string {
    return Buffer.concat(this.chunks).toString()
  }

  lines(): string[] {
    return this.text().split('\n').slice(0, -1)
  }

  tell(): void {
    for (const watch of this.#watchers) watch()
  }

  /** Resolves when `holds` does; looked at after each arrival, connect and close. */
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
}

/** A stream sink; what it does with a connection is up to `act`. */
export class StreamSink extends Received {
  readonly sockets = new Set<Socket>()
  connects = 0
  closes = 0
  port = 0
  readonly #server: Server
  readonly #act: (socket: Socket, sink: StreamSink) => void

  constructor(act: (socket: Socket, sink: StreamSink) => void, tls?: TlsOptions) {
    super()
    this.#act = act
    this.#server =
      tls === undefined
        ? createServer((socket) => this.#take(socket))
        : createTls(tls, (socket) => this.#take(socket))
    this.#server.on('tlsClientError', () => this.tell())
  }

  #take(socket: Socket): void {
    this.connects += 1
    this.sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.sockets.delete(socket)
      this.closes += 1
      this.tell()
    })
    this.#act(socket, this)
    this.tell()
  }

  get listening(): boolean {
    return this.#server.listening
  }

  async listen(port = 0, host = '127.0.0.1'): Promise<this> {
    this.port = await listenSteadily(this.#server, port, host)
    return this
  }

  /** Stops listening and resets what is open; {@link listen} with the same port brings it back. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const socket of this.sockets) {
      if (socket.resetAndDestroy !== undefined && !('encrypted' in socket)) socket.resetAndDestroy()
      else socket.destroy()
    }
    await closed
  }
}

/** Takes everything. */
export const goodSink = (tls?: TlsOptions): Promise<StreamSink> =>
  new StreamSink((socket, sink) => socket.on('data', (chunk: Buffer) => sink.add(chunk)), tls).listen()

/** A port where nothing listens. */
export async function refuse(): Promise<number> {
  const sink = await goodSink()
  await sink.close()
  return sink.port
}

/** Accepts and never reads. */
export const blackHole = (): Promise<StreamSink> => new StreamSink((socket) => socket.pause()).listen()

/** Reads `bytes` every 50 ms, or as often as is said. */
export const slowReader = (bytes: number, every_ms = 50): Promise<StreamSink> =>
  new StreamSink((socket, sink) => {
    const timer = setInterval(() => {
      const chunk = socket.read(Math.min(bytes, socket.readableLength)) as Buffer | null
      if (chunk !== null) sink.add(chunk)
    }, every_ms)
    socket.on('readable', () => undefined)
    socket.on('close', () => clearInterval(timer))
  }).listen()

/** Resets each of the first `times` connections after `bytes` bytes of it. */
export const resetAfter = (bytes: number, times = 1): Promise<StreamSink> =>
  new StreamSink((socket, sink) => {
    let left = sink.connects <= times ? bytes : Number.POSITIVE_INFINITY
    socket.on('data', (chunk: Buffer) => {
      if (left <= 0) return
      sink.add(chunk.subarray(0, Math.min(left, chunk.length)))
      left -= chunk.length
      if (left <= 0) socket.resetAndDestroy()
    })
  }).listen()

/** Ends each of the first `times` connections, politely, after its first bytes. */
export const flap = (times: number): Promise<StreamSink> =>
  new StreamSink((socket, sink) => {
    const short = sink.connects <= times
    socket.on('data', (chunk: Buffer) => {
      sink.add(chunk)
      if (short) socket.end()
    })
  }).listen()

/** Accepts and never says a word: no ServerHello, no answer. */
export const noServerHello = (): Promise<StreamSink> => new StreamSink((socket) => socket.resume()).listen()

/** Answers anything with bytes that are no TLS and no HTTP. */
export const gibberish = (): Promise<StreamSink> =>
  new StreamSink((socket) => socket.once('data', () => socket.end('220 smtp.example.com ready\r\n'))).listen()

export interface HttpAnswer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Never answered. */
  readonly hang?: boolean
}

export interface HttpRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Inflated. */
  readonly body: string
}

/** Answers each request as `answer` says. */
export class HttpSink extends Received {
  readonly requests: HttpRequest[] = []
  readonly #server
  port = 0

  constructor(answer: (request: HttpRequest, count: number) => HttpAnswer) {
    super()
    this.#server = createHttp((request, response) => {
      void this.#take(request, response, answer)
    })
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
    answer: (request: HttpRequest, count: number) => HttpAnswer,
  ): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks)
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw).toString() : raw.toString()
    const taken = { path: request.url ?? '', headers: request.headers, body }
    this.requests.push(taken)
    const { status, headers = {}, body: text = '', hang = false } = answer(taken, this.requests.length)
    this.tell()
    if (hang) return
    response.writeHead(status, headers)
    response.end(text)
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
    return this
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

export const httpSink = (answer: (request: HttpRequest, count: number) => HttpAnswer): Promise<HttpSink> =>
  new HttpSink(answer).listen()

/** Keeps datagrams apart: `chunks` holds one each. */
export class UdpSink extends Received {
  readonly #socket: UdpSocket = createSocket('udp4')
  port = 0

  async listen(): Promise<this> {
    this.#socket.on('message', (message) => this.add(message))
    this.#socket.bind(0, '127.0.0.1')
    await once(this.#socket, 'listening')
    this.#socket.setRecvBufferSize(4_194_304)
    this.port = this.#socket.address().port
    return this
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }
}

export const udpSink = (): Promise<UdpSink> => new UdpSink().listen()
