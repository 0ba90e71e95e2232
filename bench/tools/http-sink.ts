/**
 * The JSON destinations of the bench: takes POST requests on 127.0.0.1, answers 200, keeps the bodies as they came and
 * inflates nothing while it is measured; but `_bulk`, where the answer has a status for each event.
 *
 *   node http-sink.ts PORT
 *
 * Commands on standard input, as `sink` has them:
 *   t  {"requests":n,"bytes":n,"last_ns":n}
 *   v  {"events":n,"bytes":n,"gzip":n}: inflates what was kept, parses it and counts the events
 *   r  {"reset":true}
 */
import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { gunzipSync } from 'node:zlib'

interface Kept {
  readonly path: string
  readonly gzip: boolean
  readonly bytes: Buffer
}

let bodies: Kept[] = []
let received = 0
let last = 0n

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const bytes = Buffer.concat(chunks)
    const gzip = request.headers['content-encoding'] === 'gzip'
    const kept = { path: request.url ?? '', gzip, bytes }
    bodies.push(kept)
    received += bytes.length
    last = process.hrtime.bigint()
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(answerTo(kept))
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))

createInterface({ input: process.stdin })
  .on('line', (line) => process.stdout.write(`${answer(line)}\n`))
  .on('close', () => process.exit(0))

/** What the real ones say when all is well. */
function answerTo(kept: Kept): string {
  if (kept.path.includes('/services/collector')) return '{"text":"Success","code":0}'
  if (!kept.path.includes('/_bulk')) return '{}'
  const status = Array.from({ length: eventsOf(kept) }, () => '{"create":{"status":201}}')
  return `{"errors":false,"items":[${status.join(',')}]}`
}

function plainOf({ gzip, bytes }: Kept): Buffer {
  return gzip ? gunzipSync(bytes) : bytes
}

/** Events of a body; parsed but for `_bulk`, which is counted by its lines. */
function eventsOf(kept: Kept): number {
  const plain = plainOf(kept)
  if (kept.path.includes('/_bulk')) {
    let lines = 0
    for (let at = plain.indexOf(10); at !== -1; at = plain.indexOf(10, at + 1)) lines += 1
    return lines / 2
  }
  // One object behind the other; inside a text the quotes would be escaped.
  const text = plain.toString()
  if (kept.path.includes('/services/collector')) {
    const entries = JSON.parse(`[${text.replaceAll('}{"event":', '},{"event":')}]`) as unknown[]
    return entries.length
  }
  const parsed = JSON.parse(text) as unknown
  const entries = Array.isArray(parsed) ? parsed : (parsed as { readonly events?: unknown }).events
  if (!Array.isArray(entries)) throw new Error('a body is not an array')
  return entries.length
}

function answer(command: string): string {
  if (command === 't') return `{"requests":${bodies.length},"bytes":${received},"last_ns":${last}}`
  if (command === 'v') return JSON.stringify(verify())
  bodies = []
  received = 0
  last = 0n
  return '{"reset":true}'
}

function verify(): { events: number; bytes: number; gzip: number } {
  const sum = { events: 0, bytes: 0, gzip: 0 }
  for (const body of bodies) {
    sum.events += eventsOf(body)
    sum.bytes += plainOf(body).length
    sum.gzip += body.gzip ? 1 : 0
  }
  return sum
}
