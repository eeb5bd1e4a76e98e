// How a group stands, as its leader sees it: who votes, and who of them is up and has what is
// committed. From it follows what stopping one node would do. Pure. Asked for `cluster status` and
// `cluster can-stop`; next stop: handlers/groups.ts.
import type { RaftInspection, ReplicaId } from '@quorate/raft'

export interface Voter {
  readonly replicaId: ReplicaId
  /** Absent when it is not known where the replica is. */
  readonly nodeId?: string
  /** Heard of lately, sure of what it has, and that is all but what is on its way. */
  readonly current: boolean
}

export interface GroupHealth {
  readonly voters: readonly Voter[]
  /** Voters of before while the configuration changes: a decision needs both. */
  readonly outgoing: readonly Voter[]
}

/** The question as a replica's actor gets it; only a leader has an answer. */
export interface HealthMessage {
  readonly type: 'health'
  respond(health: GroupHealth | undefined): void
}

/** Entries that may still be on their way to a replica that keeps up under load. */
const lagMax = 256

export function groupHealth(
  raft: RaftInspection,
  nodeOf: (replica: ReplicaId) => string | undefined,
  nowMs: number,
  silenceMsMax: number,
): GroupHealth | undefined {
  if (raft.role !== 'leader') return undefined
  const voter = (replicaId: ReplicaId): Voter => {
    const nodeId = nodeOf(replicaId)
    const peer = raft.progress.find(({ id }) => id === replicaId)
    const current =
      replicaId === raft.id ||
      (peer !== undefined &&
        !peer.recovering &&
        nowMs - peer.heardMs <= silenceMsMax &&
        peer.match >= raft.commit - lagMax)
    return { replicaId, current, ...(nodeId === undefined ? {} : { nodeId }) }
  }
  const { voters, outgoing = [] } = raft.configuration
  return { voters: voters.map(voter), outgoing: outgoing.map(voter) }
}

/** A voter on a node that is down was heard of a moment ago and counts no more. */
export function withoutNodesDown(
  { voters, outgoing }: GroupHealth,
  isUp: (nodeId: string) => boolean,
): GroupHealth {
  const here = (voter: Voter): Voter => {
    const isDown = voter.nodeId !== undefined && !isUp(voter.nodeId)
    return isDown ? { ...voter, current: false } : voter
  }
  return { voters: voters.map(here), outgoing: outgoing.map(here) }
}

/** The group could decide nothing without the node. Voters that are not current do not count. */
export function losesQuorum({ voters, outgoing }: GroupHealth, nodeId: string): boolean {
  return [voters, outgoing].some((half) => {
    const left = half.filter((voter) => voter.current && voter.nodeId !== nodeId)
    return half.length > 0 && left.length <= half.length / 2
  })
}

/** Nodes of voters that are down or behind. */
export function missingNodes({ voters, outgoing }: GroupHealth): string[] {
  const missing = [...voters, ...outgoing].filter(({ current }) => !current)
  const names = missing.map(({ nodeId, replicaId }) => nodeId ?? `replica ${replicaId}`)
  return [...new Set(names)].sort()
}

export function hasVoter({ voters, outgoing }: GroupHealth, nodeId: string): boolean {
  return [...voters, ...outgoing].some((voter) => voter.nodeId === nodeId)
}
