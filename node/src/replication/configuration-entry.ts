// Payload of a configuration entry: who votes, who voted before (while a change is under way) and
// who only learns, each with its node, so that a replica knows where its peers are from its own log.
// JSON, because it is rare and `storage dump` shows it. Decides nothing about which change is legal:
// the raft package does. Made by entry-run.ts; read by storage/entry-format.ts.
import { type Chunks, chunksOf, joinChunks } from '@quorate/protocol'
import type { Configuration, ReplicaId } from '@quorate/raft'

export type NodeOf = (replica: ReplicaId) => string | undefined

export interface DecodedConfiguration {
  readonly configuration: Configuration
  readonly nodes: ReadonlyMap<ReplicaId, string>
}

interface Member {
  readonly replicaId: ReplicaId
  readonly nodeId: string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const nodeIdPattern = /^[A-Za-z0-9-]{1,32}$/

/** Throws a plain Error when a node is not known: peers could not be reached by this entry. */
export function encodeConfiguration(configuration: Configuration, nodeOf: NodeOf): Chunks {
  const { voters, outgoing = [], learners = [] } = configuration
  const members = (replicas: readonly ReplicaId[]): Member[] =>
    replicas.map((replicaId) => {
      const nodeId = nodeOf(replicaId)
      if (nodeId === undefined) throw new Error(`node of replica ${replicaId} is not known`)
      return { replicaId, nodeId }
    })
  const fields = {
    voters: members(voters),
    outgoing: members(outgoing),
    learners: members(learners),
  }
  return chunksOf(encoder.encode(JSON.stringify(fields)))
}

/** Undefined for bytes that are no configuration of this version. */
export function decodeConfiguration(payload: Chunks): DecodedConfiguration | undefined {
  let fields: unknown
  try {
    fields = JSON.parse(decoder.decode(joinChunks(payload)))
  } catch {
    return undefined
  }
  if (!hasExactly(fields, ['voters', 'outgoing', 'learners'])) return undefined
  const nodes = new Map<ReplicaId, string>()
  const voters = replicasOf(fields['voters'], nodes)
  const outgoing = replicasOf(fields['outgoing'], nodes)
  const learners = replicasOf(fields['learners'], nodes)
  if (voters === undefined || outgoing === undefined || learners === undefined) return undefined
  if (voters.length === 0) return undefined
  return { configuration: configurationOf(voters, outgoing, learners), nodes }
}

/** Empty lists are left out. */
function configurationOf(
  voters: readonly ReplicaId[],
  outgoing: readonly ReplicaId[],
  learners: readonly ReplicaId[],
): Configuration {
  return {
    voters,
    ...(outgoing.length === 0 ? {} : { outgoing }),
    ...(learners.length === 0 ? {} : { learners }),
  }
}

/** Adds to `nodes`. Undefined when it is no list of members, or contradicts what was read before. */
function replicasOf(value: unknown, nodes: Map<ReplicaId, string>): ReplicaId[] | undefined {
  if (!Array.isArray(value)) return undefined
  const replicas: ReplicaId[] = []
  for (const member of value) {
    if (!isMember(member)) return undefined
    const { replicaId, nodeId } = member
    if (replicas.includes(replicaId)) return undefined
    if ((nodes.get(replicaId) ?? nodeId) !== nodeId) return undefined
    nodes.set(replicaId, nodeId)
    replicas.push(replicaId)
  }
  return replicas
}

function isMember(value: unknown): value is Member {
  if (!hasExactly(value, ['replicaId', 'nodeId'])) return false
  const { replicaId, nodeId } = value
  const isReplica = Number.isSafeInteger(replicaId) && (replicaId as number) > 0
  return isReplica && typeof nodeId === 'string' && nodeIdPattern.test(nodeId)
}

function hasExactly<Name extends string>(
  value: unknown,
  names: readonly Name[],
): value is Record<Name, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const keys = Object.keys(value)
  return keys.length === names.length && names.every((name) => keys.includes(name))
}
