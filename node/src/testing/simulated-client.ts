// Connects the public client of @quorate/client over simulated links. The same code as in production
// runs from `send` down to the bytes; only clock, randomness and what carries the bytes differ.
import type { Host, Random } from '@quorate/actors'
import type { Client } from '@quorate/client'
import { type ByteNetwork, byteLinkOpener, connectWith } from '@quorate/client/testing'
import { type ClientWatch, trackedClient } from './tracked-client.ts'

export interface ClientWorld extends ClientWatch {
  readonly servers: readonly string[]
  readonly host: Host
  readonly random: Random
  readonly links: ByteNetwork
}

/** `name` says whose client it is. Rejects with QUORATE_CONNECTION_FAILED when no node answers. */
export async function simulatedClient(name: string, world: ClientWorld): Promise<Client> {
  const { servers, host, random, links } = world
  const linkOpener = byteLinkOpener(links, host, random)
  return trackedClient(await connectWith({ servers, host, random, linkOpener }), name, world)
}
