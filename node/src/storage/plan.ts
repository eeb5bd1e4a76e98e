// The plan of a cluster: who is in it at the beginning, made once and given to every node when its
// folder is formatted. Identity and the first metadata voters come from here; addresses are hints.
// Knows nothing of files. Next stop: format.ts.
import { QuorateError } from '@quorate/protocol'
import type { Configuration, ReplicaId } from '@quorate/raft'
import { formatVersion } from './format-version.ts'

export interface PlanNode {
  readonly id: string
  /** 16 hex digits, random: tells a node from another one formatted under the same id. */
  readonly incarnation: string
  /** `host:port`, where the node is expected at first. */
  readonly address: string
  /** Votes in the metadata group from the beginning. */
  readonly voter: boolean
}

export interface Plan {
  readonly formatVersion: 1
  /** 16 hex digits. */
  readonly clusterId: string
  /** 64 hex digits, known to the nodes only. */
  readonly secret: string
  readonly nodes: readonly PlanNode[]
}

const nodesMax = 64
const votersMax = 5

/** `randomHex` gives that many random hex digits, fit for secrets. */
export function newPlan(
  nodes: readonly { readonly id: string; readonly address: string }[],
  randomHex: (digits: number) => string,
): Plan {
  const plan: Plan = {
    formatVersion,
    clusterId: randomHex(16),
    secret: randomHex(64),
    nodes: nodes.map(({ id, address }, position) => ({
      id,
      incarnation: randomHex(16),
      address,
      voter: position < votersAmong(nodes.length),
    })),
  }
  return parsePlan(JSON.stringify(plan))
}

/** 3 or 5 voters, or 1 when there are fewer than three nodes. */
export function votersAmong(nodes: number): number {
  if (nodes >= votersMax) return votersMax
  return nodes >= 3 ? 3 : 1
}

/** Throws QUORATE_INVALID_ARGUMENT, or QUORATE_FORMAT_VERSION for a plan of another version. */
export function parsePlan(text: string): Plan {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw new QuorateError('QUORATE_INVALID_ARGUMENT', 'the plan is not JSON', { cause })
  }
  const { formatVersion: version, clusterId, secret, nodes } = fieldsOf(found)
  if (version !== formatVersion) {
    throw new QuorateError(
      'QUORATE_FORMAT_VERSION',
      `the plan has version ${String(version)}, this is ${formatVersion}`,
    )
  }
  if (!isHex(clusterId, 16)) throw invalid('clusterId')
  if (!isHex(secret, 64)) throw invalid('secret')
  return { formatVersion, clusterId, secret, nodes: parsePlanNodes(nodes) }
}

export function parsePlanNodes(found: unknown): PlanNode[] {
  if (!Array.isArray(found) || found.length < 1 || found.length > nodesMax) throw invalid('nodes')
  const nodes = found.map(parseNode)
  if (new Set(nodes.map((node) => node.id)).size !== nodes.length) throw invalid('node ids')
  const voters = nodes.filter((node) => node.voter).length
  if (voters !== 1 && voters !== 3 && voters !== votersMax) throw invalid('number of voters')
  return nodes
}

function parseNode(found: unknown): PlanNode {
  const { id, incarnation, address, voter } = fieldsOf(found)
  if (typeof id !== 'string' || !/^[A-Za-z0-9-]{1,32}$/.test(id)) throw invalid('node id')
  if (!isHex(incarnation, 16)) throw invalid('incarnation')
  if (typeof address !== 'string' || !/^.+:\d{1,5}$/.test(address)) throw invalid('address')
  if (typeof voter !== 'boolean') throw invalid('voter')
  return { id, incarnation, address, voter }
}

/**
 * The n-th voter of a plan, counted from 1, holds replica n of the metadata group. The others are
 * counted on after the voters.
 */
export function metadataReplicaId(
  nodes: readonly Pick<PlanNode, 'id' | 'voter'>[],
  nodeId: string,
): ReplicaId | undefined {
  const ordered = [...nodes.filter(({ voter }) => voter), ...nodes.filter(({ voter }) => !voter)]
  const position = ordered.findIndex(({ id }) => id === nodeId)
  return position === -1 ? undefined : position + 1
}

export function metadataConfiguration(nodes: readonly PlanNode[]): Configuration {
  return { voters: nodes.filter((node) => node.voter).map((_, position) => position + 1) }
}

function fieldsOf(found: unknown): Readonly<Record<string, unknown>> {
  if (typeof found !== 'object' || found === null) throw invalid('JSON object')
  return found as Record<string, unknown>
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)
}

function invalid(what: string): QuorateError {
  return new QuorateError('QUORATE_INVALID_ARGUMENT', `the plan has no valid ${what}`)
}
