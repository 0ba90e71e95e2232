/** A name server on loopback: says where names are, that they are not, or nothing at all. */
import { Buffer } from 'node:buffer'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const NO_ERROR = 0
const NO_SUCH_NAME = 3
const TYPE_A = 1

export type NameAnswer = readonly string[] | 'gone' | 'silence'

export class NameServerSink {
  /** Every question, in its order: names as often as they were asked. */
  readonly asked: string[] = []
  answered = 0
  port = 0
  /** Seconds that an answer may be kept. */
  ttl = 1
  /** May be changed at any time. */
  answer: (name: string) => NameAnswer
  readonly #socket: Socket = createSocket('udp4')

  constructor(answer: (name: string) => NameAnswer) {
    this.answer = answer
  }

  async open(host = '127.0.0.1', port = 0): Promise<this> {
    this.#socket.on('message', (query, from) => {
      const reply = this.#reply(query)
      if (reply === undefined) return
      this.answered += 1
      this.#socket.send(reply, from.port, from.address)
    })
    this.#socket.bind(port, host)
    await once(this.#socket, 'listening')
    this.port = this.#socket.address().port
    return this
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }

  /** Environment of a program that asks this server, in each of its threads, and says so when it asks the system instead. */
  get environment(): NodeJS.ProcessEnv {
    const preload = pathToFileURL(path.join(import.meta.dirname, 'own-name-server.ts')).href
    return { NODE_OPTIONS: `--import=${preload}`, LOGWEIR_TEST_NAMES: `127.0.0.1:${this.port}` }
  }

  #reply(query: Buffer): Buffer | undefined {
    // Header (12 bytes), then one question: labels with their length, a zero, type and class.
    const labels: string[] = []
    let at = 12
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const type = query.readUInt16BE(at + 1)
    const name = labels.join('.').toLowerCase()
    if (type === TYPE_A) this.asked.push(name)
    const found = this.answer(name)
    if (found === 'silence') return undefined
    const records = found === 'gone' || type !== TYPE_A ? [] : found
    const question = query.subarray(12, at + 5)
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(0x8180 | (found === 'gone' ? NO_SUCH_NAME : NO_ERROR), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, question, ...records.map((address) => record(address, this.ttl))])
  }
}

function record(address: string, ttl: number): Buffer {
  const made = Buffer.alloc(16)
  // The name is the question's.
  made.writeUInt16BE(0xc00c, 0)
  made.writeUInt16BE(TYPE_A, 2)
  made.writeUInt16BE(1, 4)
  made.writeUInt32BE(ttl, 6)
  made.writeUInt16BE(4, 10)
  for (const [n, part] of address.split('.').entries()) made[12 + n] = Number(part)
  return made
}
