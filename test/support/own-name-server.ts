/**
 * Loaded before a program (`--import`), in each of its threads: names are asked of the server in LOGWEIR_TEST_NAMES, by the same
 * library as always. A name that is asked of the system, which would wait in a thread that files need, is told on standard output.
 */
import dns from 'node:dns'
import { writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isIP } from 'node:net'

const server = process.env['LOGWEIR_TEST_NAMES'] ?? ''
const literal = new Set([4, 6])

dns.promises.Resolver = class extends dns.promises.Resolver {
  constructor(...given: ConstructorParameters<typeof dns.promises.Resolver>) {
    super(...given)
    this.setServers([server])
  }
}

const { lookup } = dns
dns.lookup = new Proxy(lookup, {
  apply(target, self, given: Parameters<typeof lookup>) {
    const name = given[0]
    if (!literal.has(isIP(name)))
      writeSync(1, `${JSON.stringify({ level: 50, msg: `the system was asked for the name ${name}` })}\n`)
    return Reflect.apply(target, self, given) as unknown
  },
})
syncBuiltinESMExports()
