import type { Target } from '../rules/forwarder-settings.ts'

/** A destination as people write it, without what may be a secret: of a URL not its query, where some services take tokens. */
export function targetText(to: Target): string {
  if ('path' in to) return `file:${to.path}`
  if ('url' in to) {
    const { origin, pathname } = new URL(to.url)
    return `${origin}${pathname}`
  }
  return `${to.scheme}://${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`
}
