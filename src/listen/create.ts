/** Makes and binds a listener. */
import type {
  CfapiListenerSettings,
  CfapiTlsListenerSettings,
  ListenerSettings,
  RelpTlsListenerSettings,
  TlsListenerSettings,
} from '../config/types.ts'
import { CfapiServer } from './cfapi/server.ts'
import { ensureCertificate, expiryProblem, readCredentials } from './certificates.ts'
import { RelpConnection } from './relp-connection.ts'
import { StreamListener, type StreamKind } from './stream-listener.ts'
import { TlsGate } from './tls-gate.ts'
import type { Listener, ListenerDeps } from './types.ts'
import { UdpListener } from './udp.ts'

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

function make(
  settings: ListenerSettings,
  index: number,
  deps: ListenerDeps,
): Promise<StreamListener | UdpListener> {
  switch (settings.transport) {
    case 'udp':
      return Promise.resolve(new UdpListener(settings, index, deps))
    case 'tcp':
      return Promise.resolve(new StreamListener(settings, index, deps))
    case 'tls':
      return makeTls(settings, index, deps)
    case 'relp':
      return Promise.resolve(new StreamListener(settings, index, deps, relp))
    case 'relp-tls':
      return makeTls(settings, index, deps, relp)
    case 'cfapi':
      return Promise.resolve(new StreamListener(settings, index, deps, cfapi(settings, deps)))
    case 'cfapi-tls':
      return makeTls(settings, index, deps, cfapi(settings, deps))
  }
}

const relp: StreamKind = {
  connect: (shared, reading, origin, bucket) => new RelpConnection(shared, reading, origin, bucket),
}

function cfapi(settings: CfapiListenerSettings | CfapiTlsListenerSettings, deps: ListenerDeps): StreamKind {
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
