/**
 * One connect to a tcp or tls target: resolve, try every address, shake hands, check who answered. The whole
 * attempt is bounded by `timeout.connect`; an address that swallows packets gets its share of it only.
 */
import { connect as tcpConnect, isIP, type Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../base/clock.ts'
import { nodeTls } from '../base/late.ts'
import type { ForwarderSettings } from '../rules/forwarder-settings.ts'
import type { Aim } from './address-guard.ts'
import { inWords } from './status.ts'
import { fingerprintMismatch, tlsOptions } from './tls-context.ts'
import type { Resolver } from './types.ts'

/** Node asks ten times, a second apart, before it gives a quiet connection up: 20 s altogether. */
const KEEP_ALIVE_MS = 10_000
const ADDRESS_SHARE_MIN_MS = 1000
/** What Node may hold of one socket before `write` says stop; far below the 1 MiB of R53. */
const HIGH_WATER = 262_144

export interface StreamTarget {
  readonly scheme: string
  readonly host: string
  readonly port: number
}

/** A failed attempt: at which step, and why, in words. */
export class DialError extends Error {
  readonly step: string
  /** Trying again will not help before a person has mended something. */
  readonly lasting: boolean

  constructor(step: string, why: string, options: { cause?: unknown; lasting?: boolean } = {}) {
    super(why, options)
    this.name = 'DialError'
    this.step = step
    this.lasting = options.lasting ?? false
  }
}

/** How one attempt goes on; `signal` ends it early, `first` is the address to begin with. */
export interface DialOptions {
  readonly target: StreamTarget
  readonly settings: ForwarderSettings
  readonly clock: Clock
  readonly resolver: Resolver
  readonly signal: AbortSignal
  readonly first: number
  /** The system connected, and a handshake begins. */
  readonly onConnect?: () => void
  /** Why nothing may be sent to an address; left out: anything may. */
  readonly refuses?: ((aim: Aim) => string | null) | undefined
  /** The handshake went well. */
  readonly onSecure?: (socket: TLSSocket) => void
}

/** An open socket that nothing was written to, and which of the name's addresses it has. */
export interface Dialled {
  readonly socket: Socket
  readonly host: string
  readonly address: string
  /** Its place among the addresses. */
  readonly at: number
}

/** @throws DialError when no address could be reached. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { target, settings, signal } = options
  const started = options.clock.monotonic()
  const addresses = await lookUp(options)
  const security = target.scheme === 'tls' ? await readSecurity(settings, target.host) : null
  let failure: DialError | undefined
  for (let n = 0; n < addresses.length; n++) {
    if (signal.aborted) throw new DialError('connect', 'stopped')
    const at = (options.first + n) % addresses.length
    const left = settings.timeout.connect - (options.clock.monotonic() - started)
    const share = Math.max(
      left / (addresses.length - n),
      Math.min(ADDRESS_SHARE_MIN_MS, settings.timeout.connect),
    )
    const address = addresses[at] as string
    const { host, port } = target
    const refusal = options.refuses?.({ host, address, port, udp: false }) ?? null
    if (refusal !== null) {
      failure = new DialError('connect', `${placeOf(address, port)}: ${refusal}`)
      continue
    }
    try {
      const socket = await dialAddress(options, address, security, share)
      return { socket, host, address, at }
    } catch (error) {
      failure =
        error instanceof DialError ? error : new DialError('connect', inWords(error), { cause: error })
    }
  }
  throw failure ?? new DialError('resolve', `the name ${target.host} has no address`)
}

async function lookUp(options: DialOptions): Promise<readonly string[]> {
  try {
    return await options.resolver.resolve(options.target.host)
  } catch (error) {
    throw new DialError('resolve', inWords(error), { cause: error })
  }
}

async function readSecurity(settings: ForwarderSettings, host: string): Promise<ConnectionOptions> {
  try {
    return await tlsOptions(settings.tls, host)
  } catch (error) {
    throw new DialError('certificates', inWords(error), { cause: error })
  }
}

function dialAddress(
  options: DialOptions,
  address: string,
  security: ConnectionOptions | null,
  timeout: number,
): Promise<Socket> {
  const { settings, clock, signal } = options
  const port = options.target.port
  return new Promise((resolve, reject) => {
    const local = settings.from_address === null ? {} : { localAddress: settings.from_address }
    const plain = { host: address, port, writableHighWaterMark: HIGH_WATER, ...local }
    const socket: Socket =
      security === null
        ? tcpConnect(plain)
        : nodeTls().connect({ host: address, port, ...local, ...security })
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    let step = 'connect'
    const end = (failure: DialError | null): void => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      socket.removeListener('close', onClose)
      // A socket that failed may fail again while it closes: somebody must listen, nobody is interested.
      if (failure !== null) socket.on('error', ignore)
      socket.removeListener('error', onError)
      if (failure === null) return resolve(socket)
      socket.destroy()
      reject(failure)
    }
    const fail = (why: string, cause?: unknown): void => {
      end(new DialError(step, `${placeOf(address, port)}: ${why}`, { cause }))
    }
    const onError = (error: Error): void => fail(inWords(error), error)
    const onAbort = (): void => fail('stopped')
    const onClose = (): void => fail('the other side closed the connection')
    const timer: Timer = clock.after(timeout, () => fail(`no answer within ${Math.round(timeout)} ms`))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.once('connect', () => {
      options.onConnect?.()
      if (security === null) return end(null)
      step = 'TLS handshake'
    })
    socket.once('secureConnect', () => {
      const mismatch = fingerprintMismatch(settings.tls, socket as TLSSocket)
      if (mismatch !== null) return fail(mismatch)
      options.onSecure?.(socket as TLSSocket)
      end(null)
    })
  })
}

function placeOf(address: string, port: number): string {
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}

function ignore(): void {}
