/**
 * Sends a prepared file of RFC 5424 events as CFAPI requests, to 127.0.0.1, as an agent on NSX makes them: the message
 * as text, the header as fields. Its own cost does not count, only the router's.
 *
 *   node cfapi-sender.ts PORT FILE newline EVENTS REPEAT CONNECTIONS
 *
 * Prints `connected` when every request is made, waits for a line on standard input, sends, and prints the same line as
 * `sender` when every request was answered 200.
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'

/** Events of one request: the API's advice. */
const EVENTS = 500
const [port, file, , events, repeat, connections] = process.argv.slice(2)
const lines = readFileSync(file ?? '', 'utf8').split('\n', Number(events))
const bodies = Array.from({ length: Math.ceil(lines.length / EVENTS) }, (_, n) =>
  Buffer.from(JSON.stringify({ events: lines.slice(n * EVENTS, (n + 1) * EVENTS).map(eventOf) })),
)
process.stdout.write('connected\n')
await once(process.stdin, 'data')
process.stdin.destroy()

const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) })
const start = process.hrtime.bigint()
const work = Array.from({ length: Number(repeat) }, () => bodies).flat()
let bytes = 0
await Promise.all(Array.from({ length: Number(connections) }, () => client()))
const end = process.hrtime.bigint()
agent.destroy()
process.stdout.write(
  `{"events":${lines.length * Number(repeat)},"bytes":${bytes},"start_ns":${start},"end_ns":${end}}\n`,
)

async function client(): Promise<void> {
  for (let body = work.pop(); body !== undefined; body = work.pop()) {
    bytes += body.length
    // Told to come again: then the same again.
    while ((await post(body)) === 503) await new Promise((done) => setTimeout(done, 100))
  }
}

function post(body: Buffer): Promise<number> {
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  const options = {
    host: '127.0.0.1',
    port: Number(port),
    path: '/api/v1/events/ingest/0',
    method: 'POST',
    agent,
    headers,
  }
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      response.resume()
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (status === 200 || status === 503) resolve(status)
        else reject(new Error(`answered ${status}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Both headers of the workload: RFC 5424, and ESXi's. */
function eventOf(line: string): object {
  const match =
    /^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) - - (.*)$/.exec(line) ??
    /^<(\d{1,3})>(\S+) (\S+) ([^[ ]+)\[(\d+)\]: (.*)$/.exec(line)
  if (match === null) throw new Error(`a line of the workload has another header: ${line}`)
  const [, pri = '', time = '', hostname = '', appname = '', procid = '', text = ''] = match
  const named = {
    hostname,
    appname,
    procid,
    pri_facility: String(Number(pri) >> 3),
    pri_severity: String(Number(pri) & 7),
    filepath: '/var/log/dfwpktlogs.log',
  }
  const fields = Object.entries(named).map(([name, content]) => ({ name, content }))
  return { text, timestamp: Date.parse(time), fields }
}
