/** Which request is for what. Pure. */

export type Route = 'ingest' | 'messages' | 'flat' | 'sessions' | 'unknown'

const INGEST = /^\/api\/v[12]\/(events|messages)\/ingest\/[^/]{1,256}\/?$/
const PATH_MAX = 512

/** The agent's id in the path is the client's own choice: it is looked at by nobody. */
export function routeOf(url: string): Route {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  if (path.length > PATH_MAX) return 'unknown'
  const match = INGEST.exec(path)
  if (match !== null) return match[1] === 'events' ? 'ingest' : 'messages'
  if (path === '/api/v2/events' || path === '/api/v2/events/') return 'flat'
  if (path === '/api/v1/sessions' || path === '/api/v2/sessions') return 'sessions'
  return 'unknown'
}
