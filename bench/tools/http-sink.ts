/**
 * The cloud pipeline of the bench: takes POST requests on 127.0.0.1, answers 200, keeps the bodies as they came and
 * inflates nothing while it is measured.
 *
 *   node http-sink.ts PORT
 *
 * Commands on standard input, as `sink` has them:
 *   t  {"requests":n,"bytes":n,"last_ns":n}
 *   v  {"events":n,"bytes":n,"gzip":n}: inflates what was kept, parses it and counts the array entries
 *   r  {"reset":true}
 */
import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { gunzipSync } from 'node:zlib'

let bodies: { readonly gzip: boolean; readonly bytes: Buffer }[] = []
let received = 0
let last = 0n

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const bytes = Buffer.concat(chunks)
    bodies.push({ gzip: request.headers['content-encoding'] === 'gzip', bytes })
    received += bytes.length
    last = process.hrtime.bigint()
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{}')
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('ready\n'))

createInterface({ input: process.stdin })
  .on('line', (line) => process.stdout.write(`${answer(line)}\n`))
  .on('close', () => process.exit(0))

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
    const plain = body.gzip ? gunzipSync(body.bytes) : body.bytes
    const entries = JSON.parse(plain.toString()) as unknown
    if (!Array.isArray(entries)) throw new Error('a body is not an array')
    sum.events += entries.length
    sum.bytes += plain.length
    sum.gzip += body.gzip ? 1 : 0
  }
  return sum
}
