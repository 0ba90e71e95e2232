/** Certificates of TLS listeners: read with errors in one sentence, made at a first start where that is asked for. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { errorCode, errorText, LogweirError } from '../base/errors.ts'
import { nodeTls } from '../base/late.ts'
import type { ListenerTls } from '../config/types.ts'

/** Bytes of a PEM file that are read. */
const PEM_MAX = 1_048_576

/** What a TLS server is made with. */
export interface Credentials {
  readonly options: { readonly cert: string; readonly key: string; readonly ca?: string }
  /** RFC 5425 §4.2.2 form. */
  readonly fingerprint: string
  /** Milliseconds since the epoch. */
  readonly expires_at: number
}

/** `sha-256:AA:BB:…` of a certificate (RFC 5425 §4.2.2 with the stronger hash). */
export function fingerprintOf(certificate: X509Certificate): string {
  return `sha-256:${certificate.fingerprint256}`
}

/**
 * Reads and checks what a listener presents and whom it believes.
 * @throws LogweirError when a file cannot be read or the pair does not fit.
 */
export async function readCredentials(listener: string, settings: ListenerTls): Promise<Credentials> {
  const cert = await readPem(listener, 'certificate', settings.certificate)
  const key = await readPem(listener, 'key', settings.key)
  const ca =
    settings.client_ca === null ? undefined : await readPem(listener, 'client_ca', settings.client_ca)
  const certificate = parseCertificate(listener, 'certificate', settings.certificate, cert)
  const private_key = parseKey(listener, settings.key, key)
  if (!certificate.checkPrivateKey(private_key)) {
    throw problem(
      listener,
      `${settings.key} is not the key of ${settings.certificate}`,
      'name the pair that belongs together',
    )
  }
  const expires_at = Date.parse(certificate.validTo)
  if (ca !== undefined && settings.client_ca !== null)
    parseCertificate(listener, 'client_ca', settings.client_ca, ca)
  const options = { cert, key, ...(ca === undefined ? {} : { ca }) }
  try {
    nodeTls().createSecureContext(options)
  } catch (error) {
    throw problem(
      listener,
      `${settings.certificate} cannot be used: ${errorText(error)}`,
      'put a certificate that OpenSSL accepts in its place',
    )
  }
  return { options, fingerprint: fingerprintOf(certificate), expires_at }
}

/**
 * Why credentials that have run out are not taken in place of others, or null. At a start they are used all the same,
 * with a warning: many senders do not look, and no listener at all is worse for those.
 */
export function expiryProblem(
  listener: string,
  settings: ListenerTls,
  expires_at: number,
  now: number,
): LogweirError | null {
  if (expires_at > now) return null
  const since = new Date(expires_at).toISOString()
  return problem(
    listener,
    `${settings.certificate} has expired (${since})`,
    'put a valid certificate in its place',
  )
}

/**
 * Makes a self-signed pair if `generate` asks for it and neither file is there. Answers its fingerprint, or null when
 * nothing was made. Safe when several workers start at once: one makes it, the others wait for it.
 */
export async function ensureCertificate(
  listener: string,
  settings: ListenerTls,
  now: number,
): Promise<string | null> {
  if (!settings.generate || existsSync(settings.certificate) || existsSync(settings.key)) return null
  const { writeSelfSigned } = await import('./self-signed.ts')
  try {
    return await writeSelfSigned(settings.certificate, settings.key, now)
  } catch (error) {
    const mend = 'make the folder writable for this user, or name an existing pair'
    throw problem(listener, `${settings.certificate} cannot be made: ${reason(error)}`, mend, error)
  }
}

async function readPem(listener: string, key: string, file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const mend =
      key === 'client_ca' ? 'name a readable PEM file' : 'name a readable PEM file, or set `generate: true`'
    throw problem(listener, `\`${key}\` ${file} cannot be read: ${reason(error)}`, mend, error)
  }
  if (text.length <= PEM_MAX) return text
  throw problem(listener, `\`${key}\` ${file} is larger than ${PEM_MAX} bytes`, 'name a PEM file')
}

function parseCertificate(listener: string, key: string, file: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (error) {
    const mend = 'name a file with `-----BEGIN CERTIFICATE-----`'
    throw problem(listener, `\`${key}\` ${file} holds no PEM certificate`, mend, error)
  }
}

function parseKey(listener: string, file: string, text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (error) {
    const mend = text.includes('ENCRYPTED')
      ? 'decrypt it: keys with a passphrase are not read'
      : 'name a file with `-----BEGIN PRIVATE KEY-----`'
    throw problem(listener, `\`key\` ${file} holds no usable PEM private key`, mend, error)
  }
}

function problem(listener: string, what: string, mend: string, cause?: unknown): LogweirError {
  return new LogweirError('listen_certificate', `listener ${listener}: ${what}`, mend, { cause })
}

function reason(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'no permission'
    case 'EISDIR':
      return 'it is a folder'
    default:
      return errorText(error)
  }
}
