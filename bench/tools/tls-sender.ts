/**
 * Sends a prepared file of events over TLS, to 127.0.0.1. Its own cost does not count, only the router's.
 *
 *   node tls-sender.ts PORT FILE newline|octet EVENTS REPEAT CONNECTIONS
 *
 * Prints `connected` when every handshake is done, waits for a line on standard input, sends, and prints the
 * same line as `sender` when all is written.
 */
import type { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type TLSSocket, connect } from 'node:tls'

const PIECE = 64 * 1024
const [port, file, framing, events, repeat, connections] = process.argv.slice(2)
const bytes = readFileSync(file ?? '')
const cuts = cutsOf(bytes, framing === 'octet', Number(events), Number(connections))

const sockets: TLSSocket[] = []
for (let i = 0; i < Number(connections); i++) {
  // Only the cost of the router is of interest here; who it is does not matter.
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  sockets.push(socket)
}
process.stdout.write('connected\n')
await once(process.stdin, 'data')
process.stdin.destroy()

const start = process.hrtime.bigint()
await Promise.all(sockets.map((socket, i) => send(socket, cuts[i] as number, cuts[i + 1] as number)))
const end = process.hrtime.bigint()
const total = { events: Number(events) * Number(repeat), bytes: (cuts.at(-1) as number) * Number(repeat) }
process.stdout.write(
  `{"events":${total.events},"bytes":${total.bytes},"start_ns":${start},"end_ns":${end}}\n`,
)

async function send(socket: TLSSocket, from: number, to: number): Promise<void> {
  for (let r = 0; r < Number(repeat); r++) {
    for (let at = from; at < to; at += PIECE) {
      if (!socket.write(bytes.subarray(at, Math.min(at + PIECE, to)))) await once(socket, 'drain')
    }
  }
  socket.end()
  socket.resume()
  await once(socket, 'close')
}

/** Where each connection's share begins: whole events, shared out evenly. */
function cutsOf(all: Buffer, octet: boolean, count: number, shares: number): number[] {
  const found: number[] = []
  let at = 0
  for (let n = 0; n < count; n++) {
    while (found.length < shares && n === Math.floor((count * found.length) / shares)) found.push(at)
    if (octet) {
      const space = all.indexOf(32, at)
      at = space + 1 + Number(all.toString('latin1', at, space))
    } else at = all.indexOf(10, at) + 1
  }
  return [...found, at]
}
