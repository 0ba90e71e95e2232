/** Log Insight's ingestion API: some messages a request, the receiver's answer before the next one, its pace. */
import { Buffer } from 'node:buffer'
import http from 'node:http'
import https from 'node:https'
import { isIP } from 'node:net'
import { systemClock } from '../../base/clock.ts'
import { errorText, LogweirError } from '../../base/errors.ts'
import { JsonBuffer } from '../../base/json-buffer.ts'
import type { Pack } from './messages.ts'
import type { Sender } from './sender.ts'
import { pem, type SendTls } from './stream.ts'
import type { SendTarget } from './target.ts'

/** What every generation takes. */
const EVENTS_MAX = 500
const BYTES_MAX = 900_000
const PATH = '/api/v1/events/ingest/0'
const ANSWER_MS = 30_000
const ANSWER_MAX = 4096
/** A receiver that has no room is asked again for so long. */
const BUSY_MS = 120_000
const RETRY_MS = 1000

interface Answered {
  readonly status: number
  readonly retry_after: number
  readonly text: string
}

class CfapiSender implements Sender {
  readonly failed = 0
  readonly failure = null
  readonly #options: https.RequestOptions
  readonly #agent: http.Agent
  readonly #secure: boolean
  readonly #shown: string
  readonly #body = new JsonBuffer(65_536)

  constructor(target: SendTarget, tls: SendTls) {
    this.#secure = target.scheme === 'cfapi-tls'
    this.#shown = target.shown
    const once = { keepAlive: true, maxSockets: 1 }
    this.#agent = this.#secure ? new https.Agent(once) : new http.Agent(once)
    this.#options = {
      host: target.host,
      port: target.port,
      path: PATH,
      method: 'POST',
      agent: this.#agent,
      timeout: ANSWER_MS,
      ...(this.#secure ? secure(target, tls) : {}),
    }
  }

  async send(pack: Pack, first: number, last: number): Promise<void> {
    let n = first
    while (n < last) {
      n = this.#fill(pack, n, last)
      await this.#deliver(this.#body.copyOut())
    }
  }

  close(): Promise<void> {
    this.#agent.destroy()
    return Promise.resolve()
  }

  /** Writes a body of messages from `first` on; gives the first that is not in it. */
  #fill({ bytes, ends }: Pack, first: number, last: number): number {
    const body = this.#body
    body.clear()
    body.putRaw(BEFORE)
    let n = first
    while (n < last && n - first < EVENTS_MAX && (n === first || body.length < BYTES_MAX)) {
      body.putRaw(n === first ? TEXT : NEXT)
      body.putUtf8(bytes, n === 0 ? 0 : (ends[n - 1] ?? 0), ends[n] ?? 0)
      n += 1
    }
    body.putRaw(BEHIND)
    return n
  }

  async #deliver(body: Buffer): Promise<void> {
    const until = systemClock.monotonic() + BUSY_MS
    for (;;) {
      const answer = await this.#post(body).catch((error: unknown) => {
        throw this.#failure(errorText(error), 'check the address, and that the receiver runs', error)
      })
      if (answer.status >= 200 && answer.status < 300) return
      const again = answer.status === 503 || answer.status === 429 || answer.status === 408
      if (!again || systemClock.monotonic() > until)
        throw this.#failure(`it answered ${answer.status} ${answer.text}`, "the receiver's log says why")
      await new Promise<void>((resolve) => systemClock.after(answer.retry_after, resolve))
    }
  }

  #post(body: Buffer): Promise<Answered> {
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    return new Promise((resolve, reject) => {
      const request = (this.#secure ? https : http).request({ ...this.#options, headers }, (response) => {
        let text = ''
        response.on('data', (bytes) => {
          if (text.length < ANSWER_MAX) text += String(bytes)
        })
        response.on('error', reject)
        response.on('end', () => {
          const seconds = Number(response.headers['retry-after'])
          const retry_after = seconds > 0 ? Math.min(seconds * 1000, BUSY_MS) : RETRY_MS
          const line = text.slice(0, 200).replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
          resolve({ status: response.statusCode ?? 0, retry_after, text: line })
        })
      })
      request.on('timeout', () => request.destroy(new Error('no answer within 30 seconds')))
      request.on('error', reject)
      request.end(body)
    })
  }

  #failure(why: string, mend: string, cause?: unknown): LogweirError {
    return new LogweirError('LW_SEND', `cannot send to ${this.#shown}: ${why}`, mend, { cause, exit: 1 })
  }
}

const BEFORE = Buffer.from('{"events":[')
const TEXT = Buffer.from('{"text":')
const NEXT = Buffer.from('},{"text":')
const BEHIND = Buffer.from('}]}')

function secure({ host }: SendTarget, tls: SendTls): https.RequestOptions {
  return {
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...pem('ca', tls.ca),
    ...pem('cert', tls.cert),
    ...pem('key', tls.key),
    rejectUnauthorized: !tls.insecure,
  }
}

/** Nothing is connected before the first message. @throws {LogweirError} when a PEM file cannot be read. */
export function openCfapi(target: SendTarget, tls: SendTls): Sender {
  return new CfapiSender(target, tls)
}
