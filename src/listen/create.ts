/** Makes and binds a listener. */
import type { ListenerSettings, RelpTlsListenerSettings, TlsListenerSettings } from '../config/types.ts'
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
  }
}

const relp: StreamKind = {
  connect: (shared, reading, origin, bucket) => new RelpConnection(shared, reading, origin, bucket),
}

async function makeTls(
  settings: TlsListenerSettings | RelpTlsListenerSettings,
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
