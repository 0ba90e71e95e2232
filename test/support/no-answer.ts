/** A port whose SYN nobody answers: its backlog is full and its process never accepts. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

const SCRIPT = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, server.address().port + '\\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

export interface NoAnswer {
  readonly port: number
  close(): Promise<void>
}

export async function noSynAnswer(): Promise<NoAnswer> {
  const child = spawn(process.execPath, ['-e', SCRIPT], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { value } = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()) as {
    value: string
  }
  const port = Number(value)
  const fillers: Socket[] = []
  // The system takes a few more than `backlog`; one that is not connected soon never will be.
  for (let connected = true; connected && fillers.length < 20; ) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    fillers.push(socket)
    connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      new Promise<false>((done) => setTimeout(() => done(false), 300)),
    ])
  }
  return {
    port,
    close: async () => {
      for (const socket of fillers) socket.destroy()
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
