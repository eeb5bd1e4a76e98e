// Asks a node for entries over the mesh, for the repair of a replica's holes. What comes is only
// decoded here. Previous stop: repair-driver.ts; next: the mesh, and at the other node
// repair-server.ts.
import { jsonReply } from '../doors/api.ts'
import { internalPrefix } from '../handlers/node-requests.ts'
import { limits } from '../limits.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { decodeEntries, entriesQuestion } from './repair-codec.ts'
import type { FetchEntries } from './repair-driver.ts'

export function fetchOver(mesh: Pick<Mesh, 'request'>): FetchEntries {
  const subject = internalPrefix + entriesQuestion
  return (node, wanted, done) => {
    const { payload } = jsonReply(wanted)
    mesh.request(node, subject, undefined, payload, limits.repairTimeoutMs, (_, reply) =>
      done(reply === undefined ? undefined : decodeEntries(reply.payload)),
    )
  }
}
