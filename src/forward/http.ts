/** Type `http`: POST of events as JSON, as one array or a line each. */
import { ARRAY, LINES } from './body.ts'
import { type HttpType, jsonOf, statusSender } from './http-sender.ts'

export const httpType: HttpType = (making) => {
  const lines = making.forwarder.settings.http.body === 'ndjson'
  return statusSender(making, {
    profile: { headers: { 'content-type': lines ? 'application/x-ndjson' : 'application/json' } },
    encoder: jsonOf(making, false),
    shape: lines ? LINES : ARRAY,
    slow_quota: false,
  })
}
