/** Certificate files as the configuration names them: one sentence with the file and the mend, before anything binds. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { errorText } from '../base/errors.ts'
import type { Finding } from './findings.ts'
import type { Report } from './report.ts'
import type { ListenerTls } from './types.ts'
import { type Path, readBounded } from './yaml.ts'

/** Bytes of a PEM file; a bundle of public authorities has about a quarter. */
const PEM_MAX = 2 ** 20

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
    return new X509Certificate(text)
  } catch (error) {
    report.error(
      path,
      `${file} holds no PEM certificate (${errorText(error)})`,
      'name a file with `-----BEGIN CERTIFICATE-----`',
    )
    return undefined
  }
}

/** The private key of a PEM file, or undefined after reporting. */
export function readKey(file: string, path: Path, report: Report): KeyObject | undefined {
  const text = readPem(file, path, report)
  if (text === undefined) return undefined
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
