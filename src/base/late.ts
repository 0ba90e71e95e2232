/**
 * Modules of Node that cost megabytes in every thread that loads them: taken when they are first used, for few routers
 * use them all. `tls` reads the certificates of all authorities as soon as it is loaded. `http` by an import statement
 * costs six megabytes instead of one: the import reads all it exports, and some of that is a whole HTTP client.
 */
import type http from 'node:http'
import type tls from 'node:tls'

/** `node:tls`. */
export function nodeTls(): typeof tls {
  return process.getBuiltinModule('node:tls')
}

/** `node:http`. */
export function nodeHttp(): typeof http {
  return process.getBuiltinModule('node:http')
}
