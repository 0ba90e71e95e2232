/** The first steps of `forwarder test`: names to addresses, a connection to each, and what the handshake shows. */
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { errorText } from '../base/errors.ts'
import { nodeTls } from '../base/late.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import { firstEnd, soonInWords } from './certificate-end.ts'
import { shownChain } from './certificate-chain.ts'
import { dial, DialError, type StreamTarget } from './dial.ts'
import type { ProbeStep } from './probe-types.ts'
import { hostOf, portOf, type Proxy, proxyFor } from './proxy.ts'
import { inWords } from './status.ts'
import { openTunnel, secure } from './tunnel.ts'
import { tlsOptions } from './tls-context.ts'
import type { ForwardDeps, Resolver } from './types.ts'

const LOOK_MS = 5000

export interface Probing {
  readonly settings: ForwarderSettings
  readonly deps: ForwardDeps
  readonly resolver: Resolver
  readonly signal: AbortSignal
  readonly say: (step: ProbeStep) => void
}

/** Whether there is a way to the destination. A file needs none. */
export async function probeWay(probing: Probing): Promise<boolean> {
  const { settings, deps } = probing
  const { to } = settings
  if (to.scheme === 'file') return true
  if (to.scheme === 'udp') return (await resolveStep(probing, to.host)).length > 0
  if (!('url' in to)) {
    const secured = to.scheme === 'tls' || to.scheme === 'relp-tls'
    return connectSteps(probing, { scheme: secured ? 'tls' : 'tcp', host: to.host, port: to.port })
  }
  const url = new URL(to.url)
  let proxy: Proxy | null
  try {
    proxy = proxyFor(settings.http.proxy, url, deps.env)
  } catch (error) {
    probing.say({ step: 'proxy', ok: false, milliseconds: 0, detail: errorText(error) })
    return false
  }
  const scheme = to.scheme === 'https' ? 'tls' : 'tcp'
  if (proxy === null) return connectSteps(probing, { scheme, host: hostOf(url), port: portOf(url) })
  return proxySteps(probing, proxy, url)
}

async function resolveStep(probing: Probing, host: string): Promise<readonly string[]> {
  const { deps, say } = probing
  const started = deps.clock.monotonic()
  const took = (): number => Math.round(deps.clock.monotonic() - started)
  try {
    const addresses = await probing.resolver.resolve(host)
    const literal = isIP(host) !== 0
    const detail = literal ? `${host} is an address` : `${host} is ${addresses.join(', ')}`
    say({ step: 'resolve', ok: true, milliseconds: took(), detail })
    return addresses
  } catch (error) {
    say({ step: 'resolve', ok: false, milliseconds: took(), detail: errorText(error) })
    return []
  }
}

/** Every address is tried, as each connect does; one that works is enough. */
async function connectSteps(probing: Probing, target: StreamTarget): Promise<boolean> {
  let reached = false
  for (const address of await resolveStep(probing, target.host)) {
    if (probing.signal.aborted) break
    reached = (await connectStep(probing, target, address)) || reached
  }
  return reached
}

async function connectStep(probing: Probing, target: StreamTarget, address: string): Promise<boolean> {
  const { settings, deps, signal, say } = probing
  const { clock } = deps
  const place = `${isIP(address) === 6 ? `[${address}]` : address}:${target.port}`
  const from = settings.from_address === null ? '' : ` from ${settings.from_address}`
  const started = clock.monotonic()
  let connected = 0
  const onConnect = (): void => {
    connected = clock.monotonic()
    const milliseconds = Math.round(connected - started)
    say({ step: 'connect', ok: true, milliseconds, detail: `${place} answers${from}` })
  }
  const resolver = { resolve: () => Promise.resolve([address]) }
  const { refuses } = deps
  let socket: Socket
  try {
    ;({ socket } = await dial({ target, settings, clock, resolver, signal, first: 0, onConnect, refuses }))
  } catch (error) {
    const milliseconds = Math.round(clock.monotonic() - (connected === 0 ? started : connected))
    const detail = error instanceof DialError ? error.message : inWords(error)
    if (connected === 0) {
      const step = error instanceof DialError && error.step === 'certificates' ? 'handshake' : 'connect'
      say({ step, ok: false, milliseconds, detail: `${detail}${from}` })
      return false
    }
    const certificates = await chainOf(probing, target, address)
    say({ step: 'handshake', ok: false, milliseconds, detail, certificates })
    return false
  }
  if (target.scheme === 'tls') sayHandshake(probing, socket as TLSSocket, clock.monotonic() - connected)
  socket.on('error', () => undefined)
  socket.destroy()
  return true
}

function sayHandshake({ settings, deps, say }: Probing, socket: TLSSocket, took: number): void {
  const { tls } = settings
  const held =
    tls.fingerprint === null ? 'its chain and name are right' : 'it has the fingerprint that is set'
  const own = tls.certificate === null ? '' : '; ours was offered'
  // Before anybody asks for less.
  const certificates = shownChain(socket)
  const end = firstEnd(socket, tls.fingerprint !== null)
  const soon = end === null ? null : soonInWords(end, deps.clock.wall())
  const ending = soon === null ? '' : `; ${soon}`
  const detail = `${socket.getProtocol() ?? 'TLS'}, ${socket.getCipher().name}; ${held}${own}${ending}`
  say({
    step: 'handshake',
    ok: true,
    milliseconds: Math.round(took),
    detail,
    certificates,
  })
}

/** What a peer shows that is not trusted: looked at, told, and nothing is sent to it. */
async function chainOf(
  { settings, deps, signal }: Probing,
  target: StreamTarget,
  address: string,
): Promise<ReturnType<typeof shownChain>> {
  let options
  try {
    options = await tlsOptions(settings.tls, target.host)
  } catch {
    return []
  }
  return new Promise((resolve) => {
    const local = settings.from_address === null ? {} : { localAddress: settings.from_address }
    const socket = nodeTls().connect({
      ...options,
      ...local,
      host: address,
      port: target.port,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    })
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', end)
      const chain = socket.destroyed ? [] : shownChain(socket)
      socket.destroy()
      resolve(chain)
    }
    const timer = deps.clock.after(Math.min(LOOK_MS, settings.timeout.connect), end)
    signal.addEventListener('abort', end, { once: true })
    socket.on('error', () => undefined)
    socket.once('close', end)
    socket.once('secureConnect', end)
  })
}

/** To the proxy, through it, and the handshake with the destination behind it. */
async function proxySteps(probing: Probing, proxy: Proxy, url: URL): Promise<boolean> {
  const { settings, deps, signal, say } = probing
  const { clock } = deps
  const tls = { ca: proxy.ca, certificate: null, key: null, fingerprint: null, server_name: null }
  const target = { scheme: proxy.secure ? 'tls' : 'tcp', host: proxy.host, port: proxy.port }
  // Where the proxy stands is the operator's word.
  const { refuses: _, ...free } = deps
  const via: Probing = { ...probing, deps: free, settings: { ...settings, tls } }
  if (!(await connectSteps(via, target))) return false
  const place = `${hostOf(url)}:${portOf(url)}`
  if (url.protocol !== 'https:') {
    const detail = `requests go through ${proxy.host}:${proxy.port}`
    say({ step: 'proxy', ok: null, milliseconds: 0, detail })
    return true
  }
  let started = clock.monotonic()
  const took = (): number => Math.round(clock.monotonic() - started)
  let step: ProbeStep['step'] = 'proxy'
  try {
    const { resolver } = probing
    const { socket } = await dial({ target, settings: via.settings, clock, resolver, signal, first: 0 })
    const passage = {
      proxy,
      host: hostOf(url),
      port: portOf(url),
      clock,
      timeout: settings.timeout.connect,
      signal,
    }
    const through = await openTunnel(socket, passage)
    const milliseconds = took()
    say({ step, ok: true, milliseconds, detail: `${proxy.host}:${proxy.port} connects to ${place}` })
    step = 'handshake'
    started = clock.monotonic()
    const over = await secure(through, settings.tls, passage)
    sayHandshake(probing, over, clock.monotonic() - started)
    over.on('error', () => undefined)
    over.destroy()
    return true
  } catch (error) {
    const detail = error instanceof DialError ? error.message : inWords(error)
    say({ step, ok: false, milliseconds: took(), detail })
    return false
  }
}
