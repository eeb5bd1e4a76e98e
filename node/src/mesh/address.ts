// `host:port` as text, taken apart and put together. IPv6 hosts stand in brackets. Knows nothing
// of name resolution or of who listens where.
import { QuorateError } from '@quorate/protocol'

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** Throws QUORATE_INVALID_ARGUMENT. Port 0 is allowed: it asks a listener for any free port. */
export function parseAddress(address: string): HostAndPort {
  const colon = address.lastIndexOf(':')
  const portText = address.slice(colon + 1)
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1
  let host = address.slice(0, Math.max(colon, 0))
  if (host.startsWith('[') && host.endsWith(']')) host = host.slice(1, -1)
  else if (host.includes(':')) host = ''
  if (colon < 0 || host === '' || port < 0 || port > 65_535) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', `address ${address} is not host:port`)
  }
  return { host, port }
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
