/**
 * Type `log-insight-cloud`: the ingestion stream of Log Insight Cloud / Aria Operations for Logs: a
 * JSON array of flat objects, a header that names their structure, a bearer key. A 429 without Retry-After is the
 * quota of the account: it is asked again after a minute at least, growing to ten.
 */
import { ARRAY } from './body.ts'
import { CloudEncoder } from './encode/cloud.ts'
import { withTags } from './encode/encodings.ts'
import { EventReader } from './encode/event-reader.ts'
import { type HttpType, statusSender } from './http-sender.ts'

/** Where every region takes events. */
const STREAM_PATH = '/le-mans/v1/streams/ingestion-pipeline-stream'

export const cloudType: HttpType = (making) => {
  const { structure } = making.forwarder.settings.http
  const url = making.url.pathname === '/' ? new URL(STREAM_PATH, making.url) : making.url
  return statusSender(
    { ...making, url },
    {
      profile: { headers: structure === null ? {} : { structure } },
      encoder: withTags(
        new CloudEncoder(new EventReader(making.deps.streams)),
        making.forwarder.settings.tags,
      ),
      shape: ARRAY,
      slow_quota: true,
    },
  )
}
