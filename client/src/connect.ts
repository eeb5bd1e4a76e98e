// The way in: a client over real connections, on the real clock.
import type { Client } from './client.ts'
import { connectWith } from './connect-with.ts'
import { nodeHost, nodeRandom } from './host-node.ts'
import { natsLinkOpener } from './link-nats.ts'

export interface ConnectOptions {
  /** Ends the attempt to connect; it does not close a connected client. */
  readonly signal?: AbortSignal
}

/**
 * Connects to a cluster by one or more of its nodes, e.g. `'nats://127.0.0.1:4222'`; the others
 * are learned. Resolves with the first connection and rejects with QUORATE_CONNECTION_FAILED when
 * no server could be reached. From then on lost connections are made again.
 */
export function connect(
  servers: string | readonly string[],
  options: ConnectOptions = {},
): Promise<Client> {
  const host = nodeHost()
  return connectWith({
    servers,
    host,
    random: nodeRandom(),
    linkOpener: natsLinkOpener(host),
    ...options,
  })
}
