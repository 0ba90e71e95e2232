/** Makes and binds a listener. */
import type {
  CfapiListenerSettings,
  CfapiTlsListenerSettings,
  ListenerSettings,
  RelpTlsListenerSettings,
  TlsListenerSettings,
} from '../config/types.ts'
import { StreamListener, type StreamKind } from './stream-listener.ts'
import type { Listener, ListenerDeps } from './types.ts'
import type { UdpListener } from './udp.ts'

/**
 * Binds what `settings` describe; `index` is its place in the configuration.
 * @throws LogweirError in one sentence when the address cannot be bound or a certificate cannot be used.
 */
export async function createListener(
  settings: ListenerSettings,
  index: number,
  deps: ListenerDeps,
): Promise<Listener> {
  const listener = await make(settings, index, deps)
  await listener.bind()
  return listener
}

/** What a transport needs is loaded with its first listener: a worker keeps no code that it never runs. */
async function make(
  settings: ListenerSettings,
  index: number,
  deps: ListenerDeps,
): Promise<StreamListener | UdpListener> {
  switch (settings.transport) {
    case 'udp': {
      const { UdpListener } = await import('./udp.ts')
      return new UdpListener(settings, index, deps)
    }
    case 'tcp':
      return new StreamListener(settings, index, deps)
    case 'tls':
      return makeTls(settings, index, deps)
    case 'relp':
      return new StreamListener(settings, index, deps, await relp())
    case 'relp-tls':
      return makeTls(settings, index, deps, await relp())
    case 'cfapi':
      return new StreamListener(settings, index, deps, await cfapi(settings, deps))
    case 'cfapi-tls':
      return makeTls(settings, index, deps, await cfapi(settings, deps))
  }
}

async function relp(): Promise<StreamKind> {
  const { RelpConnection } = await import('./relp-connection.ts')
  return { connect: (shared, reading, origin, bucket) => new RelpConnection(shared, reading, origin, bucket) }
}

async function cfapi(
  settings: CfapiListenerSettings | CfapiTlsListenerSettings,
  deps: ListenerDeps,
): Promise<StreamKind> {
  const { CfapiServer } = await import('./cfapi/server.ts')
  const server = new CfapiServer(settings, deps)
  return {
    open: (shared, socket, origin, bucket) => server.open(shared, socket, origin, bucket),
    unknown: () => server.unknownRequests(),
  }
}

async function makeTls(
  settings: TlsListenerSettings | RelpTlsListenerSettings | CfapiTlsListenerSettings,
  index: number,
  deps: ListenerDeps,
  kind: StreamKind = {},
): Promise<StreamListener> {
  const { ensureCertificate, expiryProblem, readCredentials } = await import('./certificates.ts')
  const { TlsGate } = await import('./tls-gate.ts')
  const { name, tls } = settings
  const made = await ensureCertificate(name, tls, deps.clock.wall())
  if (made !== null)
    deps.log('info', 'made a self-signed certificate', {
      listener: name,
      file: tls.certificate,
      fingerprint: made,
    })
  const credentials = await readCredentials(name, tls)
  const expired = expiryProblem(name, tls, credentials.expires_at, deps.clock.wall())
  if (expired !== null) deps.log('warn', expired.message, { listener: name, mend: expired.mend })
  deps.log('info', 'certificate in use', { listener: name, fingerprint: credentials.fingerprint })
  return new StreamListener(settings, index, deps, {
    ...kind,
    gate: (refusals) => new TlsGate(settings, deps, refusals, credentials),
  })
}
