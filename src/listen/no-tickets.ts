/**
 * TLS 1.3 without session tickets. A ticket is written behind the handshake, and syslog senders never read: one that
 * closes behind its last event has unread bytes then, so its kernel resets the connection and throws away what is still
 * under way (openssl/openssl#10880; syslog-ng sends none for the same reason). In exchange no session is resumed.
 */
import { Buffer } from 'node:buffer'
import type { Server } from 'node:tls'

/** OpenSSL's `SSL_CTX_set_num_tickets(0)` has no name in Node; declining each ticket does the same. */
interface NativeContext {
  enableTicketKeyCallback?(): void
  onticketkeycallback?: () => readonly [number, ...Buffer[]]
}

/** Node checks the lengths of key name, initialisation vector and keys, also of a ticket that is declined. */
const UNUSED = Buffer.alloc(16)
const DECLINED = 0

/** To be called again after each `setSecureContext`. False: this Node has no way to say so, and tickets are sent. */
export function sendNoTickets(server: Server): boolean {
  const context = (server as unknown as { _sharedCreds?: { context?: NativeContext } })._sharedCreds?.context
  if (context?.enableTicketKeyCallback === undefined) return false
  context.enableTicketKeyCallback()
  context.onticketkeycallback = () => [DECLINED, UNUSED, UNUSED, UNUSED, UNUSED]
  return true
}
