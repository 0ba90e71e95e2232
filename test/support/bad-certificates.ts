/** A good certificate for a name, and one of every kind that must be refused, in the manner of badssl.com. Made anew in each run. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

cryptoProvider.set(webcrypto as never)

const DAY_MS = 86_400_000
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const rsa = (bits: number, hash: string) =>
  ({
    name: 'RSASSA-PKCS1-v1_5',
    hash,
    modulusLength: bits,
    publicExponent: new Uint8Array([1, 0, 1]),
  }) as const

type Keys = Awaited<ReturnType<typeof webcrypto.subtle.generateKey>> & {
  readonly privateKey: unknown
  readonly publicKey: unknown
}
type Algorithm = typeof EC | ReturnType<typeof rsa>

/** What a server shows. */
export interface Shown {
  readonly cert: string
  readonly key: string
  /** A server shows anything when it is told so. */
  readonly ciphers?: string
}

export interface BadCertificate {
  readonly what: string
  readonly shown: Shown
  /** What the refusal must say. */
  readonly words: RegExp
}

interface Issuer {
  readonly certificate: X509Certificate
  readonly keys: Keys
  readonly algorithm: Algorithm
}

interface Wanted {
  readonly subject: string
  readonly names?: readonly string[]
  /** Days from now. */
  readonly from?: number
  readonly to?: number
  readonly authority?: boolean
  readonly uses?: readonly ExtendedKeyUsage[]
  readonly algorithm?: Algorithm
  /** Of the signature, where it is not the issuer's own. */
  readonly signed?: Algorithm
}

let serial = 1

/** Signed by `issuer`, or by itself. */
async function make(wanted: Wanted, issuer?: Issuer): Promise<Issuer & Shown> {
  const { subject, names = [], from = -1, to = 90, authority = false, uses, algorithm = EC } = wanted
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as Keys
  const extensions: Extension[] = [new BasicConstraintsExtension(authority, undefined, true)]
  if (authority)
    extensions.push(new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true))
  if (names.length > 0)
    extensions.push(
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
    )
  if (uses !== undefined) extensions.push(new ExtendedKeyUsageExtension([...uses]))
  serial += 1
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial.toString(16).padStart(4, '0'),
    subject: `CN=${subject}`,
    issuer: issuer?.certificate.subject ?? `CN=${subject}`,
    publicKey: keys.publicKey as never,
    signingKey: (issuer?.keys ?? keys).privateKey as never,
    signingAlgorithm: wanted.signed ?? issuer?.algorithm ?? algorithm,
    notBefore: new Date(Date.now() + from * DAY_MS),
    notAfter: new Date(Date.now() + to * DAY_MS),
    extensions,
  })
  const exported = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as never)
  return {
    certificate,
    keys,
    algorithm,
    cert: certificate.toString('pem'),
    key: PemConverter.encode(exported, 'PRIVATE KEY'),
  }
}

export interface Certificates {
  /** PEM of what is trusted. */
  readonly ca: string
  readonly good: Shown
  /** Good, and ends in five days. */
  readonly ending: Shown
  readonly bad: readonly BadCertificate[]
}

export async function makeCertificates(name: string): Promise<Certificates> {
  const root = await make({ subject: 'Test Authority', authority: true })
  const middle = await make({ subject: 'Test Intermediate', authority: true }, root)
  const ended = await make({ subject: 'Ended Authority', authority: true, from: -9, to: -1 })
  const stranger = await make({ subject: 'Stranger', authority: true })
  const mine = { subject: name, names: [name] }
  const good = await make(mine, root)
  const leaf = await make({ subject: 'No Authority', names: ['a.example.net'] }, root)
  const sha1 = rsa(2048, 'SHA-1')
  const weak = await make({ subject: 'Weak Authority', authority: true, algorithm: sha1 })
  const chained = (leaf: Shown, ...issuers: readonly Shown[]): Shown => ({
    cert: [leaf, ...issuers].map(({ cert }) => cert).join('\n'),
    key: leaf.key,
  })
  const bad: readonly (readonly [string, Shown, RegExp])[] = [
    ['signed by itself', await make(mine), /is self-signed/],
    [
      'of an authority that is not trusted',
      chained(await make(mine, stranger), stranger),
      /none that is trusted/,
    ],
    [
      'of an authority with the name of the trusted one',
      await make(mine, { ...stranger, certificate: root.certificate }),
      /signature .* is not of the issuer/,
    ],
    ['for another name', await make({ subject: 'other', names: ['other.example.com'] }, root), /is not for /],
    [
      'for that name in its subject only',
      await make({ ...mine, names: ['a.example.net'] }, root),
      /is not for /,
    ],
    ['for every name of a domain of domains', await make({ ...mine, names: ['*.com'] }, root), /is not for /],
    ['that ended', await make({ ...mine, from: -9, to: -1 }, root), /has expired/],
    ['that has not begun', await make({ ...mine, from: 1, to: 9 }, root), /not yet valid/],
    ['of an authority that ended', await make(mine, ended), /has expired/],
    ['without the authority between', await make(mine, middle), /none that is trusted/],
    ['issued by what is no authority', chained(await make(mine, leaf), leaf), /another purpose/],
    [
      'for clients only',
      await make({ ...mine, uses: [ExtendedKeyUsage.clientAuth] }, root),
      /another purpose/,
    ],
    [
      'with a key that is too short',
      await make({ ...mine, algorithm: rsa(1024, 'SHA-256') }, root),
      /key too weak/,
    ],
    ['signed with SHA-1', await make({ ...mine, signed: sha1 }, weak), /digest algorithm too weak/],
  ]
  return {
    ca: [root, ended, weak].map(({ cert }) => cert).join('\n'),
    good,
    ending: await make({ ...mine, to: 5.5 }, root),
    bad: bad.map(([what, { cert, key }, words]) => ({
      what,
      shown: { cert, key, ciphers: 'DEFAULT:@SECLEVEL=0' },
      words,
    })),
  }
}
