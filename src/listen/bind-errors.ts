/** Why a listener cannot bind, in one sentence, and what to do about it. */
import { errorCode, errorText, LogweirError } from '../base/errors.ts'

interface Place {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** `[::]:514`, `10.0.0.1:514`. */
export function bindText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The error to show for what `listen` or `bind` answered. */
export function bindError(place: Place, error: unknown): LogweirError {
  const [why, mend] = reasonOf(errorCode(error), place.port) ?? [
    errorText(error),
    'choose another address in `bind`',
  ]
  const where = bindText(place.host, place.port)
  return new LogweirError('listen_bind', `listener ${place.name} cannot bind ${where}: ${why}`, mend, {
    cause: error,
  })
}

function reasonOf(code: string | undefined, port: number): [why: string, mend: string] | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return [
        'the port is in use',
        `stop what listens there (\`ss -lntup\` names it) or choose another port in \`bind\``,
      ]
    case 'EACCES':
    case 'EPERM':
      return [
        `no permission for port ${port}`,
        'choose a port from 1024 up, or lower `net.ipv4.ip_unprivileged_port_start` (or grant CAP_NET_BIND_SERVICE)',
      ]
    case 'EADDRNOTAVAIL':
      return ['this machine does not have the address', 'choose one of its own, 0.0.0.0 or [::] in `bind`']
    case 'EAFNOSUPPORT':
      return ['this machine has no IPv6', 'choose 0.0.0.0 in `bind`']
    case 'EMFILE':
    case 'ENFILE':
      return ['no file descriptor is left', 'raise the limit of open files (`ulimit -n`, `LimitNOFILE=`)']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['the name is not known', 'write an address in `bind`']
    default:
      return undefined
  }
}
