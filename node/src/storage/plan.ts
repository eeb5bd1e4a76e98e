// The plan of a cluster: who is in it at the beginning, made once and given to every node when its
// folder is formatted, and who joined later or came back as another incarnation, which changes
// nothing of the state the plan stands for. Identity and the first metadata voters come from here;
// addresses are hints. Knows nothing of files. Next stop: format.ts.
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

/** A node added later, or one of `nodes` in a new incarnation; the cluster has agreed to it. */
export interface JoinedNode {
  readonly id: string
  readonly incarnation: string
  readonly address: string
  /** Of its replica of the metadata group, which begins as a learner; 0: not agreed yet. */
  readonly metadataReplicaId: number
  /** Metadata index of the entry that brought this incarnation; 0: not agreed yet. */
  readonly sinceIndex: number
}

/** What a node must know of another one to talk to it. */
export interface PlanMember {
  readonly nodeId: string
  readonly incarnation: string
  readonly address: string
}

export interface Members {
  /** Metadata index they stand for. */
  readonly index: number
  readonly nodes: readonly PlanMember[]
}

export interface Plan {
  readonly formatVersion: 1
  /** 16 hex digits. */
  readonly clusterId: string
  /** 64 hex digits, known to the nodes only. */
  readonly secret: string
  readonly nodes: readonly PlanNode[]
  /** Absent: nobody. */
  readonly joined?: readonly JoinedNode[]
  /** Ids of nodes that left for good. Absent: nobody. */
  readonly left?: readonly string[]
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
  const { formatVersion: version, clusterId, secret, nodes, joined, left } = fieldsOf(found)
  if (version !== formatVersion) {
    throw new QuorateError(
      'QUORATE_FORMAT_VERSION',
      `the plan has version ${String(version)}, this is ${formatVersion}`,
    )
  }
  if (!isHex(clusterId, 16)) throw invalid('clusterId')
  if (!isHex(secret, 64)) throw invalid('secret')
  const plan = { formatVersion, clusterId, secret, nodes: parsePlanNodes(nodes) } as const
  return { ...plan, ...parseJoined(joined), ...parseLeft(left) }
}

export function parseLeft(found: unknown): Pick<Plan, 'left'> {
  if (found === undefined) return {}
  if (!Array.isArray(found) || !found.every(isNodeId)) throw invalid('nodes that left')
  return { left: found }
}

export function parseJoined(found: unknown): Pick<Plan, 'joined'> {
  if (found === undefined) return {}
  if (!Array.isArray(found) || found.length > nodesMax) throw invalid('joined nodes')
  const joined = found.map(parseJoinedNode)
  if (new Set(joined.map(({ id }) => id)).size !== joined.length) throw invalid('joined node ids')
  return { joined }
}

function parseJoinedNode(found: unknown): JoinedNode {
  const { metadataReplicaId: replica, sinceIndex } = fieldsOf(found)
  const node = parseMember(found)
  if (!isCount(replica) || !isCount(sinceIndex)) throw invalid('joined node')
  return { ...node, metadataReplicaId: replica, sinceIndex }
}

/** How the node is to be formatted: as it is now, not as it was at the beginning. */
export function planNode(
  { nodes, joined = [], left = [] }: Pick<Plan, 'nodes' | 'joined' | 'left'>,
  nodeId: string,
): PlanNode | JoinedNode | undefined {
  if (left.includes(nodeId)) return undefined
  const isIt = ({ id }: { readonly id: string }) => id === nodeId
  return joined.find(isIt) ?? nodes.find(isIt)
}

/** The plan as it stands for its nodes now, those that joined later included. */
export function membersOfPlan({
  nodes,
  joined = [],
  left = [],
}: Pick<Plan, 'nodes' | 'joined' | 'left'>): Members {
  const agreed = joined.filter(({ sinceIndex }) => sinceIndex > 0)
  const byId = new Map([...nodes, ...agreed].map((node) => [node.id, node]))
  return {
    index: Math.max(0, ...agreed.map(({ sinceIndex }) => sinceIndex)),
    nodes: [...byId]
      .filter(([nodeId]) => !left.includes(nodeId))
      .map(([nodeId, { incarnation, address }]) => ({ nodeId, incarnation, address })),
  }
}

/** A field of an answer between nodes. */
export function isMember(found: unknown): found is PlanMember {
  const { nodeId, incarnation, address } = (found ?? {}) as Record<string, unknown>
  return isNodeId(nodeId) && isHex(incarnation, 16) && isAddress(address)
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
  const { voter } = fieldsOf(found)
  const node = parseMember(found)
  if (typeof voter !== 'boolean') throw invalid('voter')
  return { ...node, voter }
}

function parseMember(found: unknown): Omit<PlanNode, 'voter'> {
  const { id, incarnation, address } = fieldsOf(found)
  if (!isNodeId(id)) throw invalid('node id')
  if (!isHex(incarnation, 16)) throw invalid('incarnation')
  if (!isAddress(address)) throw invalid('address')
  return { id, incarnation, address }
}

export function isNodeId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9-]{1,32}$/.test(value)
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && /^.{1,255}:\d{1,5}$/.test(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
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
