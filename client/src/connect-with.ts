// Joins a client from its parts. The real ones come from connect.ts, simulated ones from a test.
import { type Host, noProbe, type Probe, type Random } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import { abortable } from './abort.ts'
import { Client } from './client.ts'
import { ClientCore } from './core/client-core.ts'
import type { ClientLimits } from './limits.ts'
import { defaultLimits } from './limits.ts'
import type { LinkOpener } from './link.ts'
import { serverAddress } from './server-address.ts'

export interface ClientParts {
  readonly servers: string | readonly string[]
  readonly host: Host
  readonly random: Random
  readonly linkOpener: LinkOpener
  readonly limits?: Partial<ClientLimits>
  /** Default `noProbe`. */
  readonly probe?: Probe
  readonly signal?: AbortSignal
}

/** A core that is not started: for callers that live without promises. */
export function clientCore(parts: ClientParts): ClientCore {
  const { host, random, linkOpener: opener, probe = noProbe } = parts
  const servers = typeof parts.servers === 'string' ? [parts.servers] : parts.servers
  const addresses = [...new Set(servers.map(serverAddress))]
  if (addresses.length === 0) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', 'connect needs at least one server')
  }
  return new ClientCore(
    { host, random, opener, probe, limits: { ...defaultLimits, ...parts.limits } },
    addresses,
  )
}

export async function connectWith(parts: ClientParts): Promise<Client> {
  const core = clientCore(parts)
  try {
    await abortable<void>(parts.signal, (resolve, reject) => {
      core.start((error) => (error === undefined ? resolve() : reject(error)))
      return () => {}
    })
    return new Client(core)
  } catch (error) {
    core.close()
    throw error
  }
}
