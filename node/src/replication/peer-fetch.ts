// Asks a node over the mesh for a part that a replica has lost: entries or a state, each with its own
// question and answer in bytes. What comes is only decoded here. Previous stops: repair-driver.ts and
// state-fetch.ts; next: the mesh, and at the other node repair-server.ts or state-server.ts.
import type { Chunks } from '@quorate/protocol'
import { jsonReply } from '../doors/api.ts'
import { internalPrefix } from '../handlers/node-requests.ts'
import { limits } from '../limits.ts'
import type { Mesh } from '../mesh/mesh.ts'

/** Undefined: the node has nothing of it to give. Called on a later turn. */
export type PeerFetch<Wanted, Answer> = (
  node: string,
  wanted: Wanted,
  done: (answer: Answer | undefined) => void,
) => void

export function fetchOver<Wanted, Answer>(
  mesh: Pick<Mesh, 'request'>,
  question: string,
  decode: (bytes: Chunks) => Answer | undefined,
): PeerFetch<Wanted, Answer> {
  const subject = internalPrefix + question
  return (node, wanted, done) => {
    const { payload } = jsonReply(wanted)
    mesh.request(node, subject, undefined, payload, limits.repairTimeoutMs, (_, reply) =>
      done(reply === undefined ? undefined : decode(reply.payload)),
    )
  }
}
