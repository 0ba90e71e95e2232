/** A self-signed certificate for a first start. Loaded only when one is made: the library costs memory and time. */
import 'reflect-metadata'
import {
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { errorCode } from '../base/errors.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 86_400_000
/** Clocks of senders may be behind. */
const BEFORE_MS = DAY_MS
/** 825 days: what clients accept of a server certificate. */
const VALID_MS = 825 * DAY_MS
const OTHER_WORKER_MS = 10_000

/** Names that a sender may know this machine by. */
function names(): JsonGeneralName[] {
  const host = hostname()
  const dns = host === '' || host === 'localhost' ? ['localhost'] : ['localhost', host]
  return [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ]
}

async function makePair(now: number): Promise<{ certificate: string; key: string }> {
  cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const made = await X509CertificateGenerator.createSelfSigned({
    // Positive, and not guessable (RFC 5280 §4.1.2.2).
    serialNumber: `4${randomBytes(15).toString('hex').slice(1)}`,
    name: [{ CN: [hostname() || 'localhost'] }, { O: ['Logweir (self-signed)'] }],
    notBefore: new Date(now - BEFORE_MS),
    notAfter: new Date(now + VALID_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new SubjectAlternativeNameExtension(names()),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    ],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certificate: `${made.toString('pem')}\n`, key: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n` }
}

/**
 * Writes certificate and key (mode 0600) and answers the fingerprint. The key's lock file decides between workers
 * that start at once; the certificate appears last and whole.
 * @throws Error of the file system.
 */
export async function writeSelfSigned(
  certificate_file: string,
  key_file: string,
  now: number,
): Promise<string> {
  await mkdir(path.dirname(certificate_file), { recursive: true })
  await mkdir(path.dirname(key_file), { recursive: true })
  const lock = `${key_file}.new`
  try {
    const handle = await open(lock, 'wx', 0o600)
    await handle.close()
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    return waitForOther(certificate_file, lock)
  }
  try {
    const { certificate, key } = await makePair(now)
    await writeFile(lock, key, { mode: 0o600 })
    await writeFile(`${certificate_file}.new`, certificate, { mode: 0o600 })
    await rename(lock, key_file)
    await rename(`${certificate_file}.new`, certificate_file)
    return `sha-256:${new X509Certificate(certificate).fingerprint256}`
  } finally {
    await rm(lock, { force: true })
  }
}

async function waitForOther(certificate_file: string, lock: string): Promise<string> {
  for (let waited = 0; waited < OTHER_WORKER_MS; waited += 50) {
    if (existsSync(certificate_file)) {
      const text = await readFile(certificate_file, 'utf8')
      return `sha-256:${new X509Certificate(text).fingerprint256}`
    }
    await wait(50)
  }
  throw new Error(`another process is making it; if none is, remove ${lock}`)
}
