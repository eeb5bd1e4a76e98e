// Server addresses as users give them, to `host:port`.
import { QuorateError } from '@quorate/protocol'

const defaultPort = 4222

/** `nats://host:port`, `host:port` or `host`; IPv6 hosts in brackets. */
export function serverAddress(server: string): string {
  const invalid = (why: string) =>
    new QuorateError('QUORATE_INVALID_ARGUMENT', `server ${JSON.stringify(server)}: ${why}`)
  const text = server.includes('://') ? server : `nats://${server}`
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw invalid("expected something like 'nats://127.0.0.1:4222'")
  }
  if (url.protocol !== 'nats:') throw invalid('only nats:// is supported')
  if (url.username !== '' || url.password !== '') {
    throw invalid('this version has no user authentication')
  }
  if (url.hostname === '') throw invalid('it names no host')
  return `${url.hostname}:${url.port === '' ? defaultPort : url.port}`
}
