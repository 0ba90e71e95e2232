/**
 * A receiver of every type that a tenant's forwarder can have: its entry in the rules as the documentation has it, a way to
 * break it that an operator meets, what the status should then say, and the way back.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority, putFile, type TestAuthority } from './authority.ts'
import { KINDS, type Kind, TOKEN } from './http-lanes.ts'
import { RelpServer } from './relp-server.ts'
import { StreamSink } from './sinks.ts'
import { type Said, seqOf, StrictServer } from './strict-http.ts'

export interface Place {
  /** For certificates, keys and files. */
  readonly folder: string
  /** Trusted by the forwarders, and not. */
  readonly authority: TestAuthority
  readonly stranger: TestAuthority
}

export interface EveryDestination {
  readonly name: string
  /** In the rules. */
  readonly forwarder: object
  /** Numbers of the events that came, each once. */
  readonly seen: () => ReadonlySet<number>
  readonly broken: {
    readonly act: () => Promise<unknown>
    readonly state: 'retrying' | 'paused'
    /** What `status` and `forwarder test` must say. */
    readonly why: RegExp
    readonly test: RegExp
    readonly mend: () => Promise<unknown>
    /** What comes meanwhile is lost, by count. */
    readonly loses?: boolean
  }
  readonly close: () => Promise<unknown>
}

export async function makePlace(folder: string): Promise<Place> {
  const [authority, stranger] = [await makeAuthority(), await makeAuthority('CN=Stranger')]
  putFile(folder, 'ca.pem', authority.ca)
  putFile(folder, 'token', `${TOKEN}\n`)
  return { folder, authority, stranger }
}

/** All of them, listening. */
export async function everyDestination(place: Place): Promise<readonly EveryDestination[]> {
  const { folder, authority, stranger } = place
  const ca = { ca: join(folder, 'ca.pem') }
  const good = await authority.issue(['localhost'])
  const token = { file: join(folder, 'token') }
  const quick = { retry: { max: '500ms' }, timeout: { request: '5s' } }
  return [
    await syslogTcp('tcp'),
    await syslogTcp('tls', good, await stranger.issue(['localhost'])),
    await syslogUdp(),
    await overRelp('relp'),
    await overRelp('relp-tls', good, await authority.issue(['localhost'], { expired: true })),
    await overHttp('http-array', 'http, array', {
      entry: { type: 'http', token },
      path: '/in',
      said: { status: 401, body: 'no such token' },
      state: 'paused',
      why: /answered 401 "no such token"/,
      test: /authentication.*answered 401/,
    }),
    await overHttp('http-ndjson', 'http, ndjson', {
      entry: { type: 'http', body: 'ndjson', encoding: 'ecs', gzip: true, token },
      path: '/in',
      said: { status: 503, body: 'down for maintenance' },
      state: 'retrying',
      why: /answered 503 "down for maintenance"/,
      test: /answered 503/,
    }),
    await overHttps(),
    await overHttp('log-insight-cloud', 'log-insight-cloud', {
      entry: { type: 'log-insight-cloud', token },
      path: '',
      said: { status: 429, body: 'quota exceeded' },
      state: 'retrying',
      why: /answered 429 "quota exceeded"/,
      test: /answered 429/,
    }),
    await overHttp('cfapi', 'cfapi', {
      entry: { type: 'cfapi', token },
      path: '',
      said: { status: 500, body: 'Cassandra is down' },
      state: 'retrying',
      why: /answered 500 "Cassandra is down"/,
      test: /answered 500/,
    }),
    await overHttp('splunk', 'splunk-hec', {
      entry: { type: 'splunk-hec', token, hec: { index: 'main' } },
      path: '',
      said: { status: 403, body: '{"text":"Invalid token","code":4}' },
      state: 'paused',
      why: /answered 403 .*Invalid token/,
      test: /authentication.*answered 403/,
    }),
    await overHttp('splunk-acknowledged', 'splunk-hec, acknowledged', {
      entry: { type: 'splunk-hec', token, hec: { index: 'main', acknowledge: true } },
      path: '',
      said: { status: 200, body: '{"text":"Success","code":0}' },
      state: 'paused',
      why: /without an ackId: .*switch it on there/,
      test: /without an ackId/,
    }),
    await overHttp('elasticsearch', 'elasticsearch', {
      entry: { type: 'elasticsearch', token },
      path: '',
      said: {
        status: 403,
        body: '{"error":{"type":"security_exception","reason":"action is unauthorized"},"status":403}',
      },
      state: 'paused',
      why: /answered 403 .*security_exception/,
      test: /authentication.*answered 403/,
    }),
    toFile(),
  ]

  async function syslogTcp(
    scheme: 'tcp' | 'tls',
    shown?: { cert: string; key: string },
    wrong?: { cert: string; key: string },
  ): Promise<EveryDestination> {
    const seen = new Set<number>()
    const take = (socket: Parameters<ConstructorParameters<typeof StreamSink>[0]>[0]): void => {
      let rest = ''
      socket.on('data', (chunk: Buffer) => {
        // Octet counts are digits before the PRI.
        const pieces = (rest + chunk.toString('latin1')).split(scheme === 'tls' ? / ?\d+ (?=<)/ : '\n')
        rest = pieces.pop() ?? ''
        for (const piece of pieces) seen.add(seqOf(piece))
        if (scheme === 'tls') seen.add(seqOf(rest))
      })
    }
    let sink = await new StreamSink(take, shown).listen()
    const { port } = sink
    const again = async (tls?: { cert: string; key: string }): Promise<void> => {
      await sink.close()
      sink = await new StreamSink(take, tls).listen(port)
    }
    const secured = scheme === 'tls'
    return {
      name: scheme,
      forwarder: {
        name: scheme,
        to: `${scheme}://localhost:${port}`,
        ...quick,
        ...(secured ? { tls: ca } : {}),
      },
      seen: () => without(seen),
      broken: {
        act: async () => (secured ? again(wrong) : sink.close()),
        state: 'retrying',
        why: secured ? /TLS handshake: .*none that is trusted/ : /connect: .*nothing listens there/,
        test: secured ? /handshake.*none that is trusted/ : /connect.*nothing listens there/,
        mend: async () => again(shown),
      },
      close: async () => sink.close(),
    }
  }

  async function syslogUdp(): Promise<EveryDestination> {
    const seen = new Set<number>()
    let socket: UdpSocket
    let listening = false
    const open = async (port: number): Promise<number> => {
      socket = createSocket('udp4')
      socket.on('message', (message) => seen.add(seqOf(message.toString())))
      socket.bind(port, '127.0.0.1')
      await once(socket, 'listening')
      listening = true
      return socket.address().port
    }
    const close = async (): Promise<void> => {
      if (!listening) return
      listening = false
      const closed = once(socket, 'close')
      socket.close()
      await closed
    }
    const port = await open(0)
    return {
      name: 'udp',
      forwarder: { name: 'udp', to: `udp://127.0.0.1:${port}`, ...quick, timeout: undefined },
      seen: () => without(seen),
      broken: {
        act: close,
        state: 'retrying',
        why: /send: nothing listens there/,
        test: /nothing listens there/,
        mend: async () => open(port),
        loses: true,
      },
      close,
    }
  }

  async function overRelp(
    scheme: 'relp' | 'relp-tls',
    shown?: { cert: string; key: string },
    wrong?: { cert: string; key: string },
  ): Promise<EveryDestination> {
    const servers: RelpServer[] = [await new RelpServer(shown).listen()]
    const last = (): RelpServer => servers.at(-1) as RelpServer
    const { port } = last()
    const again = async (tls?: { cert: string; key: string }): Promise<void> => {
      await last().close()
      servers.push(await new RelpServer(tls).listen(port))
    }
    const secured = scheme === 'relp-tls'
    return {
      name: scheme,
      forwarder: {
        name: scheme,
        to: `${scheme}://localhost:${port}`,
        ...quick,
        ...(secured ? { tls: ca } : {}),
      },
      seen: () => without(new Set(servers.flatMap((server) => server.accepted.map(seqOf)))),
      broken: {
        act: async () => {
          if (secured) return again(wrong)
          last().opening = '500 not today'
          last().drop()
        },
        state: 'retrying',
        why: secured ? /TLS handshake: .*has expired/ : /open: .*not today/,
        test: secured ? /handshake.*has expired/ : /not today/,
        mend: async () => {
          if (secured) return again(shown)
          last().opening = undefined
        },
      },
      close: async () => last().close(),
    }
  }

  interface Http {
    readonly entry: object
    readonly path: string
    readonly said: Said
    readonly state: 'retrying' | 'paused'
    readonly why: RegExp
    readonly test: RegExp
  }

  async function overHttp(name: string, kind: string, http: Http): Promise<EveryDestination> {
    const server = await new StrictServer((KINDS[kind] as Kind).product()).listen()
    return {
      name,
      forwarder: { name, to: `http://localhost:${server.port}${http.path}`, ...quick, ...http.entry },
      seen: () => without(new Set(server.stored.keys())),
      broken: {
        act: async () => {
          server.fault = () => ({ kind: 'says', said: http.said })
        },
        state: http.state,
        why: http.why,
        test: http.test,
        mend: async () => {
          server.fault = () => ({ kind: 'none' })
        },
      },
      close: async () => server.close(),
    }
  }

  async function overHttps(): Promise<EveryDestination> {
    const product = (KINDS['http, array'] as Kind).product()
    const other = await authority.issue(['elsewhere.example.com'])
    let server = await new StrictServer(product, undefined, { ...good }).listen()
    const { port } = server
    const before = new Set<number>()
    const again = async (tls: { cert: string; key: string }): Promise<void> => {
      for (const n of server.stored.keys()) before.add(n)
      await server.close()
      server = await new StrictServer(product, undefined, { ...tls }).listen(port)
    }
    return {
      name: 'https',
      forwarder: {
        name: 'https',
        type: 'http',
        to: `https://localhost:${port}/in`,
        ...quick,
        username: 'acme',
        password: token,
        tls: ca,
      },
      seen: () => without(new Set([...before, ...server.stored.keys()])),
      broken: {
        act: async () => again(other),
        state: 'retrying',
        why: /TLS handshake: .*localhost.*elsewhere\.example\.com/,
        test: /handshake.*elsewhere\.example\.com/,
        mend: async () => again(good),
      },
      close: async () => server.close(),
    }
  }

  function toFile(): EveryDestination {
    const [out, away] = [join(folder, 'out'), join(folder, 'away')]
    return {
      name: 'file',
      forwarder: { name: 'file', to: `file:${out}/{tenant}/{date}.log`, retry: quick.retry },
      seen: () => without(new Set([...linesBelow(out), ...linesBelow(away)].map(seqOf))),
      broken: {
        act: async () => {
          mkdirSync(out, { recursive: true })
          renameSync(out, away)
          writeFileSync(out, 'in the way')
        },
        state: 'retrying',
        why: /file .*out.*: a part of the path is not a folder/,
        test: /a part of the path is not a folder/,
        mend: async () => rmSync(out),
      },
      close: async () => undefined,
    }
  }
}

/** Without the events of `forwarder test`, which have no number. */
function without(seen: ReadonlySet<number>): ReadonlySet<number> {
  const numbers = new Set(seen)
  numbers.delete(-1)
  return numbers
}

function linesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line !== '')
}
