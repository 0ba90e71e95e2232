/** Sends the fixtures to the router's listeners, once over every transport and framing. */
import { Buffer } from 'node:buffer'
import { LogweirError } from '../../base/errors.ts'
import type { Pack } from '../send/messages.ts'
import type { Sender } from '../send/sender.ts'
import { openStream } from '../send/stream.ts'
import type { SendTarget } from '../send/target.ts'
import { openUdp } from '../send/udp.ts'
import type { RouterStatus } from './router.ts'

/** One way that the fixtures went in. */
export interface Replayed {
  readonly over: string
  readonly events: number
}

/** A count is believed only before a complete PRI; without one, octet counting cannot carry a message. */
const PRI = /^<(-1|\d{1,3})>/

/** Replays all lines, a character a byte; settles when everything has been handed to the system. */
export async function replay(
  lines: readonly string[],
  listeners: RouterStatus['listeners'],
  certificate: string,
): Promise<Replayed[]> {
  const countable = lines.filter((line) => PRI.test(line))
  const tls = { ca: certificate, cert: undefined, key: undefined, insecure: false }
  const to = (scheme: SendTarget['scheme']): SendTarget => target(listeners, scheme)
  const ways: [string, readonly string[], () => Promise<Sender>][] = [
    ['udp', lines, () => openUdp(to('udp'))],
    ['tcp, newline', lines, () => openStream(to('tcp'), false, tls)],
    ['tcp, octet-counting', countable, () => openStream(to('tcp'), true, tls)],
    ['tls, octet-counting', countable, () => openStream(to('tls'), true, tls)],
  ]
  const done: Replayed[] = []
  for (const [over, some, open] of ways) {
    const sender = await open()
    await sender.send(pack(some), 0, some.length)
    await sender.close()
    done.push({ over, events: some.length })
  }
  return done
}

function target(listeners: RouterStatus['listeners'], scheme: SendTarget['scheme']): SendTarget {
  const listener = listeners.find(({ name }) => name.endsWith(scheme))
  if (listener === undefined) {
    const mend = 'the demo looks for listeners whose names end in udp, tcp and tls'
    throw new LogweirError('LW_DEMO_FILES', `examples/logweir.yaml has no ${scheme} listener`, mend)
  }
  const { host, port } = listener
  return { scheme, host, port, shown: `${scheme}://${host}:${port}` }
}

function pack(lines: readonly string[]): Pack {
  const parts = lines.map((line) => Buffer.from(line, 'latin1'))
  let end = 0
  return { bytes: Buffer.concat(parts), ends: parts.map((part) => (end += part.length)) }
}
