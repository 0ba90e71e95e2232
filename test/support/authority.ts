/** A certificate authority for tests: made anew in each run, nothing of it is kept. */
import 'reflect-metadata'
import { Buffer } from 'node:buffer'
import { webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  type Extension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

cryptoProvider.set(webcrypto as never)

/** Longer than what is warned of. */
const VALID_MS = 90 * 86_400_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** PEM texts. `fingerprint` is in the form of the settings: `sha-256:AA:…`. */
export interface TestPair {
  readonly cert: string
  readonly key: string
  readonly fingerprint: string
}

export interface TestAuthority {
  readonly ca: string
  /** A certificate for these names or addresses. */
  issue(names: readonly string[], options?: { readonly expired?: boolean }): Promise<TestPair>
}

export async function makeAuthority(name = 'CN=Test Authority'): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const root = await X509CertificateGenerator.createSelfSigned({
    name,
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + VALID_MS),
    extensions: [
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
  let serial = 1
  const issue: TestAuthority['issue'] = async (names, options = {}) => {
    const pair = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
    const extensions: Extension[] = [
      new SubjectAlternativeNameExtension(
        names.map((value) => ({
          type: /^[0-9.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const),
          value,
        })),
      ),
    ]
    serial += 1
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial.toString(16).padStart(4, '0'),
      subject: `CN=${names[0] ?? 'nobody'}`,
      issuer: root.subject,
      publicKey: pair.publicKey as never,
      signingKey: keys.privateKey as never,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - 7_200_000),
      notAfter: new Date(Date.now() + (options.expired === true ? -3_600_000 : VALID_MS)),
      extensions,
    })
    const hash = Buffer.from(await certificate.getThumbprint('SHA-256'))
      .toString('hex')
      .toUpperCase()
    const exported = await webcrypto.subtle.exportKey('pkcs8', pair.privateKey)
    return {
      cert: certificate.toString('pem'),
      key: PemConverter.encode(exported, 'PRIVATE KEY'),
      fingerprint: `sha-256:${hash.replace(/(..)(?=.)/g, '$1:')}`,
    }
  }
  return { ca: root.toString('pem'), issue }
}

/** Writes a text into `folder` and gives its path. */
export function putFile(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
