/** A destination as people write it, without what may be a secret. */
import type { Target } from '../rules/forwarder-settings.ts'

/** `tls://10.0.2.29:6514`; a URL without its query, where some services take tokens. */
export function targetText(to: Target): string {
  if ('path' in to) return `file:${to.path}`
  if ('url' in to) {
    const { origin, pathname } = new URL(to.url)
    return `${origin}${pathname}`
  }
  return `${to.scheme}://${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`
}
