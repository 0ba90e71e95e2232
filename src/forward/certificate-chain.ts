/** The certificates that a TLS peer showed, for people. Their texts are the peer's: bounded, without control characters. */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

export interface ShownCertificate {
  readonly subject: string
  readonly issuer: string
  /** Names and addresses that it is for; empty for authorities. */
  readonly names: string
  readonly valid_from: string
  readonly valid_to: string
  /** `sha-256:AA:…`, as `tls.fingerprint` takes it. */
  readonly fingerprint: string
}

const CHAIN_MAX = 10
const TEXT_MAX = 300

/** The chain, the peer's own first; empty when it showed none. */
export function shownChain(socket: TLSSocket): ShownCertificate[] {
  const chain: ShownCertificate[] = []
  const seen = new Set<string>()
  let at: X509Certificate | undefined = peerCertificate(socket, true)
  while (at !== undefined && chain.length < CHAIN_MAX && !seen.has(at.fingerprint256)) {
    seen.add(at.fingerprint256)
    chain.push({
      subject: oneLine(at.subject),
      issuer: oneLine(at.issuer),
      names: oneLine(at.subjectAltName ?? ''),
      valid_from: at.validFromDate.toISOString(),
      valid_to: at.validToDate.toISOString(),
      fingerprint: `sha-256:${at.fingerprint256}`,
    })
    at = at.issuerCertificate
  }
  return chain
}

const asked = new WeakMap<TLSSocket, X509Certificate>()

/** Nobody asks for it any more: connections live long. */
export function forgetCertificate(socket: TLSSocket): void {
  asked.delete(socket)
}

/**
 * The certificate that the peer showed. Asked of Node once a connection: Node 24 gives it away with the first answer and has
 * none for the second. With `chain` Node builds the chain first, which costs kilobytes; else the issuers are left out.
 */
export function peerCertificate(socket: TLSSocket, chain = false): X509Certificate | undefined {
  const known = asked.get(socket)
  if (known !== undefined) return known
  if (chain) socket.getPeerCertificate(true)
  const shown = socket.getPeerX509Certificate()
  if (shown !== undefined) asked.set(socket, shown)
  return shown
}

function oneLine(text: string): string {
  return text
    .slice(0, TEXT_MAX)
    .replaceAll('\n', ', ')
    .replaceAll(/\p{Cc}/gu, ' ')
}
