/**
 * Ports of servers that go away and come back. One that the system chose may be given to any connection meanwhile (also to the
 * router's own next attempt), so these are drawn from below what it gives out.
 */
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

const FROM = 20_000
const COUNT = 12_000
const TRIES = 50

/** Listens on `port`, or for 0 on one that nobody has; the port. @throws when it is taken. */
export async function listenSteadily(server: Server, port: number, host = '127.0.0.1'): Promise<number> {
  for (let left = TRIES; ; left--) {
    const asked = port === 0 ? FROM + Math.floor(Math.random() * COUNT) : port
    server.listen(asked, host)
    try {
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    } catch (error) {
      if (port !== 0 || left === 0) throw error
    }
  }
}
