/** Writes an answer. */
import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Answer } from './answers.ts'

/** `closing`: the connection ends behind it whatever the answer says. Does nothing when one was written. */
export function send(response: ServerResponse, answer: Answer, closing: boolean): void {
  if (response.headersSent || response.destroyed) return
  const body = Buffer.from(JSON.stringify(answer.body))
  const close = closing || answer.close === true ? { connection: 'close' } : {}
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...answer.headers,
    ...close,
  })
  response.end(body)
}
