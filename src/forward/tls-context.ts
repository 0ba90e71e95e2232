/**
 * Certificates for outgoing TLS. The files are read at every connect, so that they can be replaced while the
 * router runs; contexts are shared by contents, because a thousand forwarders often name the same authority.
 */
import { constants, createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls'
import { nodeTls } from '../base/late.ts'
import type { ForwarderTls } from '../rules/forwarder-settings.ts'
import { peerCertificate } from './certificate-chain.ts'
import { inWords } from './status.ts'

const CONTEXTS_MAX = 256
const PEM_MAX = 1_048_576

const contexts = new Map<string, SecureContext>()

/**
 * The TLS options for one connect to `host`.
 * @throws Error in words when a file cannot be read or its contents are not what they should be.
 */
export async function tlsOptions(settings: ForwarderTls, host: string): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([
    readPem('ca', settings.ca),
    readPem('certificate', settings.certificate),
    readPem('key', settings.key),
  ])
  const name = settings.server_name ?? host
  const pinned = settings.fingerprint !== null
  return {
    secureContext: contextOf(ca, cert, key),
    // RFC 6066 section 3 forbids addresses as server names.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: !pinned,
    minVersion: 'TLSv1.2',
    // RFC 6125 by Node: subjectAltName, whole left-most label wildcards, the common name only without one.
    checkServerIdentity: (_, certificate) =>
      pinned ? undefined : nodeTls().checkServerIdentity(name, certificate),
  }
}

/** Why this peer is not the pinned one, or null. Asked before any byte of an event is written. */
export function fingerprintMismatch(settings: ForwarderTls, socket: TLSSocket): string | null {
  if (settings.fingerprint === null) return null
  const certificate = peerCertificate(socket)
  if (certificate === undefined) return 'the other side showed no certificate'
  const sha1 = settings.fingerprint.startsWith('sha-1:')
  const shown = sha1 ? `sha-1:${certificate.fingerprint}` : `sha-256:${certificate.fingerprint256}`
  if (shown.toUpperCase() === settings.fingerprint.toUpperCase()) return null
  return `the certificate has the fingerprint ${shown}, which is not the one that is set`
}

function contextOf(ca: string | undefined, cert: string | undefined, key: string | undefined): SecureContext {
  const print = createHash('sha256')
    .update(JSON.stringify([ca, cert, key]))
    .digest('base64')
  const known = contexts.get(print)
  if (known !== undefined) return known
  const made = nodeTls().createSecureContext({
    minVersion: 'TLSv1.2',
    // As for senders (R48): a receiver that asks again and again would have all of the thread's time.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  })
  contexts.set(print, made)
  if (contexts.size > CONTEXTS_MAX) {
    const [oldest] = contexts.keys()
    if (oldest !== undefined) contexts.delete(oldest)
  }
  return made
}

async function readPem(what: string, path: string | null): Promise<string | undefined> {
  if (path === null) return undefined
  let text: string
  try {
    text = await readFile(path, 'latin1')
  } catch (error) {
    throw new Error(`tls.${what} ${path}: ${inWords(error)}`, { cause: error })
  }
  // An empty authority file would make Node fall back to the system's: that is refused, not trusted.
  if (!text.includes('-----BEGIN ') || text.length > PEM_MAX)
    throw new Error(`tls.${what} ${path}: not a PEM file`)
  return text
}
