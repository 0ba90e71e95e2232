/** Settings of listeners and senders over loopback. */
import { readFileSync } from 'node:fs'
import net, { type Socket } from 'node:net'
import tls, { type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { TestContext } from 'vitest'
import type {
  ListenerTls,
  RelpListenerSettings,
  SourceSettings,
  TcpListenerSettings,
  TlsListenerSettings,
  UdpListenerSettings,
} from '../../src/config/types.ts'

const common = { host: '127.0.0.1', port: 0, allow: null, rate_max: null }

export function udpSettings(with_: Partial<UdpListenerSettings> = {}): UdpListenerSettings {
  return { name: 'u', transport: 'udp', ...common, receive_buffer: 1_048_576, peers_max: 100, ...with_ }
}

/** Skips a test that needs a larger receive buffer than this machine grants. */
export function needsReceiveBuffer(context: TestContext, bytes: number): void {
  const granted = Number(readFileSync('/proc/sys/net/core/rmem_max', 'latin1'))
  if (granted >= bytes) return
  context.skip(`net.core.rmem_max is ${granted}: sysctl -w net.core.rmem_max=${bytes}`)
}

const stream = {
  framing: 'auto',
  frame_max: 65_536,
  connections_max: 4000,
  connections_per_address: 4000,
  idle_timeout: null,
  frame_timeout: 30_000,
  proxy_from: [],
} as const

export function tcpSettings(with_: Partial<TcpListenerSettings> = {}): TcpListenerSettings {
  return { name: 't', transport: 'tcp', ...common, ...stream, ...with_ }
}

export function relpSettings(with_: Partial<RelpListenerSettings> = {}): RelpListenerSettings {
  const { framing: _, ...session } = stream
  return { name: 'r', transport: 'relp', ...common, ...session, ...with_ }
}

export function tlsSettings(
  pair: Pick<ListenerTls, 'certificate' | 'key'> & Partial<ListenerTls>,
  with_: Partial<TlsListenerSettings> = {},
): TlsListenerSettings {
  const ask: ListenerTls = {
    generate: false,
    client_ca: null,
    client_auth: 'none',
    client_fingerprints: [],
    handshakes_max: 256,
    handshakes_per_address: 64,
    handshake_timeout: 10_000,
    min_version: 'TLSv1.2',
    ...pair,
  }
  return { name: 's', transport: 'tls', ...common, ...stream, tls: ask, ...with_ }
}

export function source(name: string, from: readonly string[]): SourceSettings {
  return { name, from, streams: null, site: null, zone: 'UTC' }
}

/** A connected socket; its errors are kept from ending the test. */
export function connectTo(port: number, host = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host }, () => resolve(socket))
    socket.on('error', reject)
  })
}

/** Resolves when the other side has closed or reset. What it sends is thrown away. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve()
    socket.resume()
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}

/** A TLS connection after its handshake, as this side sees it. */
export function secureTo(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const all = { port, host: '127.0.0.1', rejectUnauthorized: false, ...options }
    const socket = tls.connect(all, () => resolve(socket))
    socket.on('error', reject)
  })
}
