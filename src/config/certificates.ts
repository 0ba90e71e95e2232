/** Certificate files as the configuration names them: one sentence with the file and the mend, before anything binds. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { errorText } from '../base/errors.ts'
import type { Finding } from './findings.ts'
import type { Report } from './report.ts'
import type { ListenerTls } from './types.ts'
import { type Path, readBounded } from './yaml.ts'

/** Bytes of a PEM file; a bundle of public authorities has about a quarter. */
const PEM_MAX = 2 ** 20
/** Certificates of one chain; a file with more is a bundle of authorities. */
const CHAIN_MAX = 8
const DAY_MS = 86_400_000
/** A certificate that ends sooner is told of. */
const ENDS_DAYS = 14
/** Permission bits of everybody else. */
const OTHERS = 0o006
const OTHERS_WRITE = 0o002

/** Checks the files of a TLS listener and how its settings go together. `path` is that of the `tls` mapping. */
export function checkListenerTls(tls: ListenerTls, path: Path, report: Report): void {
  checkPair(tls, path, report)
  if (tls.client_ca !== null) checkAuthorities(tls.client_ca, [...path, 'client_ca'], report)
  const asked = tls.client_ca !== null || tls.client_fingerprints.length > 0
  if (tls.client_auth === 'required' && !asked) {
    const hint = 'name `client_ca` or `client_fingerprints`'
    report.error(
      [...path, 'client_auth'],
      'nobody could be admitted: no authority and no fingerprint is named',
      hint,
    )
  }
  if (tls.client_auth === 'none' && asked) {
    const key = tls.client_ca === null ? 'client_fingerprints' : 'client_ca'
    report.error(
      [...path, key],
      'is never asked while `client_auth` is none',
      'set `client_auth: required` or remove it',
    )
  }
}

function checkPair(tls: ListenerTls, path: Path, report: Report): void {
  const there = { certificate: existsSync(tls.certificate), key: existsSync(tls.key) }
  if (tls.generate && !there.certificate && !there.key) return
  if (tls.generate && there.certificate !== there.key) {
    const missing = there.key ? 'certificate' : 'key'
    const message = `${tls[missing]} is missing while its counterpart is there: \`generate\` makes both or none`
    report.error([...path, missing], message, 'put it back, or remove the other one too')
    return
  }
  const certificate = readCertificate(tls.certificate, [...path, 'certificate'], report)
  const key = readKey(tls.key, [...path, 'key'], report)
  if (certificate === undefined || key === undefined || certificate.checkPrivateKey(key)) return
  report.error(
    [...path, 'key'],
    `${tls.key} is not the key of ${tls.certificate}`,
    'name the pair that belongs together',
  )
}

/** The first certificate of a PEM file, or undefined after reporting. */
export function readCertificate(file: string, path: Path, report: Report): X509Certificate | undefined {
  const text = readPem(file, path, report)
  if (text === undefined) return undefined
  try {
    const certificate = new X509Certificate(text)
    checkDates(file, text, path, report)
    return certificate
  } catch (error) {
    report.error(
      path,
      `${file} holds no PEM certificate (${errorText(error)})`,
      'name a file with `-----BEGIN CERTIFICATE-----`',
    )
    return undefined
  }
}

/**
 * Warns of certificates that have ended, are about to, or have not begun. Of a large bundle of authorities some always are:
 * then only when all are.
 */
function checkDates(file: string, pem: string, path: Path, report: Report, now: number = Date.now()): void {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const problems = texts.map((text) => dateProblem(text, now))
  const wrong = problems.filter((problem) => problem !== undefined)
  const [first] = wrong
  if (first === undefined || (texts.length > CHAIN_MAX && wrong.length < texts.length)) return
  report.warn(path, `${file}: ${first}`, 'put a new one in its place')
}

function dateProblem(pem: string, now: number): string | undefined {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pem)
  } catch {
    // The first of the file was read; what stands behind it is somebody else's business.
    return undefined
  }
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
  const name = certificate.subject.replaceAll('\n', ', ') || 'without a name'
  if (from > now) return `the certificate (${name}) is not valid before ${utc(from)}`
  if (to <= now) return `the certificate (${name}) ended on ${utc(to)}`
  const days = Math.floor((to - now) / DAY_MS)
  return days >= ENDS_DAYS ? undefined : `the certificate (${name}) ends on ${utc(to)}, in ${days} days`
}

function utc(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** Warns of a file with a secret that every user of this machine can read. */
export function warnOpen(file: string, path: Path, report: Report): void {
  let mode: number
  try {
    mode = statSync(file).mode
  } catch {
    // Reading it has told already.
    return
  }
  if ((mode & OTHERS) === 0) return
  const message = `${file} can be ${(mode & OTHERS_WRITE) === 0 ? 'read' : 'read or written'} by every user of this machine`
  report.warn(path, message, `\`chmod o= ${file}\``)
}

/** The private key of a PEM file, or undefined after reporting. */
export function readKey(file: string, path: Path, report: Report): KeyObject | undefined {
  const text = readPem(file, path, report)
  if (text === undefined) return undefined
  warnOpen(file, path, report)
  try {
    return createPrivateKey(text)
  } catch {
    const hint = /ENCRYPTED/.test(text)
      ? 'decrypt it: keys with a passphrase are not read'
      : 'name a file with `-----BEGIN PRIVATE KEY-----`'
    report.error(path, `${file} holds no usable PEM private key`, hint)
    return undefined
  }
}

/** Checks that a file holds at least one authority. */
export function checkAuthorities(file: string, path: Path, report: Report): void {
  readCertificate(file, path, report)
}

function readPem(file: string, path: Path, report: Report): string | undefined {
  const problems: Finding[] = []
  const text = readBounded(file, PEM_MAX, problems, 'of a PEM file')
  const [problem] = problems
  if (problem !== undefined) report.error(path, `${file}: ${problem.message}`, problem.hint)
  return text
}
