/**
 * Sends events over RELP to 127.0.0.1 and tells how many were acknowledged, which is what a sender may forget.
 *
 *   node relp-sender.ts PORT FILE FROM TO TELL
 *
 * FROM and TO are bytes of FILE, which has an event a line. Prints `told` when TELL events are acknowledged, and at its end,
 * when everything is or the connection is gone, {"acknowledged":n,"start_ns":n,"end_ns":n} (CLOCK_MONOTONIC).
 */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { nextTxnr, clientOffers, RelpCommand, relpFrame, writeNumber } from '../../src/relp/frames.ts'
import { RelpReader } from '../../src/relp/reader.ts'

const WINDOW = 1000
const LF = 10
const ANSWER_MAX = 4096

const [port = '', file = '', from = '0', to = '0', tell = '0'] = process.argv.slice(2)
const events = read(file, Number(from), Number(to))
const frames = Buffer.alloc(WINDOW * 1024)
let at = 0
let txnr = 1
let sent = 0
let acknowledged = 0
let start_ns = 0n

const socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true })
const reader = new RelpReader(ANSWER_MAX, {
  relp: (number, command, buf, begin) => {
    if (command !== RelpCommand.rsp) return
    if (buf.toString('latin1', begin, begin + 3) !== '200') throw new Error('the receiver refused an event')
    if (number === 1) start_ns = process.hrtime.bigint()
    else acknowledged += 1
    if (acknowledged === Number(tell) && number !== 1) process.stdout.write('told\n')
  },
  fault: (reason) => {
    throw new Error(`the receiver wrote no RELP: ${reason}`)
  },
})
socket.on('connect', () => socket.write(relpFrame(1, 'open', clientOffers())))
socket.on('data', (chunk: Buffer) => {
  reader.push(chunk)
  fill()
})
socket.on('error', () => undefined)
socket.on('close', finish)

/** As many events as the window has room for. */
function fill(): void {
  let end = 0
  while (at < events.length && sent - acknowledged < WINDOW) {
    const stop = events.indexOf(LF, at)
    txnr = nextTxnr(txnr)
    end = writeNumber(frames, end, txnr)
    end += frames.write(' syslog ', end, 'latin1')
    end = writeNumber(frames, end, stop - at)
    frames[end++] = 0x20
    end += events.copy(frames, end, at, stop)
    frames[end++] = LF
    at = stop + 1
    sent += 1
    if (end + 2048 > frames.length) break
  }
  // The memory is written again at once.
  if (end > 0) socket.write(Buffer.from(frames.subarray(0, end)))
  else if (at >= events.length && sent === acknowledged) socket.destroy()
}

function finish(): void {
  process.stdout.write(
    `${JSON.stringify({ acknowledged, start_ns: Number(start_ns), end_ns: Number(process.hrtime.bigint()) })}\n`,
  )
}

function read(path: string, first: number, last: number): Buffer {
  const bytes = Buffer.alloc(last - first)
  const opened = openSync(path, 'r')
  for (let got = 0; got < bytes.length; ) {
    const more = readSync(opened, bytes, got, bytes.length - got, first + got)
    if (more === 0) throw new Error('the file is too short')
    got += more
  }
  closeSync(opened)
  return bytes
}
