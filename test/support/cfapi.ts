/** A CFAPI listener for tests, its settings, and requests as clients make them. */
import { Buffer } from 'node:buffer'
import { type Agent, request } from 'node:http'
import type { CfapiListenerSettings } from '../../src/config/types.ts'

export function cfapiSettings(with_: Partial<CfapiListenerSettings> = {}): CfapiListenerSettings {
  return {
    name: 'c',
    transport: 'cfapi',
    host: '127.0.0.1',
    port: 0,
    allow: null,
    rate_max: null,
    frame_max: 65_536,
    connections_max: 4000,
    connections_per_address: 4000,
    idle_timeout: null,
    frame_timeout: 30_000,
    proxy_from: [],
    body_max: 4 * 2 ** 20,
    sessions: null,
    ...with_,
  }
}

export interface Answered {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly json: Record<string, unknown>
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Agent
}

export const INGEST = '/api/v1/events/ingest/4C4C4544-0042-3510-8051-B4C04F4E4D31'

/** One request and its answer; an object is sent as JSON. */
export function ask(port: number, path: string, body: unknown, asked: Asked = {}): Promise<Answered> {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  const { method = 'POST', headers = {}, agent } = asked
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers },
        agent: agent ?? false,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          const json = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, json })
        })
      },
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}
