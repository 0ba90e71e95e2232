/** The Cloud Director of `vcd-server.ts`, for as long as a test runs. */
import type { TlsOptions } from 'node:tls'
import { onTestFinished } from 'vitest'
import { VcdServer, type World } from './vcd-server.ts'

export * from './vcd-server.ts'

export class Vcd extends VcdServer {
  /** Listens until the test ends. */
  static async start(world: World, tls?: TlsOptions): Promise<Vcd> {
    const vcd = new Vcd(world, tls)
    await vcd.listen(tls !== undefined)
    onTestFinished(() => vcd.close())
    return vcd
  }
}
