/** PROXY headers as balancers write them. */
import { Buffer } from 'node:buffer'

/** Version 1, of TCP over IPv4 or IPv6 by the look of `sender`. */
export function proxyV1(sender: string, sender_port = 40_000): string {
  const [family, target] = sender.includes(':') ? ['TCP6', '2001:db8::1'] : ['TCP4', '192.0.2.1']
  return `PROXY ${family} ${sender} ${target} ${sender_port} 6514\r\n`
}

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])

/** Version 2: command and family as they stand on the wire, then whatever follows. */
export function proxyV2(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 255])
  return Buffer.concat([SIGNATURE, head, rest])
}

/** Version 2, PROXY over TCP and IPv4, with TLVs behind the addresses. */
export function proxyV2of(sender: string, tlvs: Buffer = Buffer.alloc(0)): Buffer {
  const addresses = [...sender.split('.').map(Number), 192, 0, 2, 1, 0x9c, 0x40, 0x19, 0x72]
  return proxyV2(0x21, 0x11, Buffer.concat([Buffer.from(addresses), tlvs]))
}

/** Version 2, LOCAL: the balancer's own connection. */
export const proxyLocal = (): Buffer => proxyV2(0x20, 0x00, Buffer.alloc(0))

/** A type-length-value of version 2. */
export function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value])
}
