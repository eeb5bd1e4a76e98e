// Where the replicas of a new topic go. Pure and deterministic. Each node gets as many replicas and
// as many preferred leaderships of the topic as any other, give or take one, and what cannot be
// shared out evenly goes to the nodes that have least of all topics together. Decided once by the
// metadata leader (metadata-request.ts) and carried in the create command.

export interface NodeLoad {
  readonly replicas: number
  /** Partitions whose preferred leader is on the node. */
  readonly leaders: number
}

export interface PlacementInput {
  /** Node ids that may get replicas, at least `replicas` different ones. */
  readonly nodes: readonly string[]
  /** Load by all existing topics; a node that is missing has none. */
  readonly load: ReadonlyMap<string, NodeLoad>
  readonly partitions: number
  readonly replicas: number
}

interface Candidate {
  readonly nodeId: string
  /** Of all topics, this one included. */
  totalReplicas: number
  totalLeaders: number
  /** Of this topic. */
  replicas: number
  leaders: number
}

/** Per partition its node ids, the preferred leader first. */
export function placeReplicas(input: PlacementInput): string[][] {
  const candidates = candidatesOf(input)
  if (candidates.length < input.replicas) {
    throw new Error(`${input.replicas} replicas need as many nodes, not ${candidates.length}`)
  }
  const sets: Candidate[][] = []
  for (let partition = 0; partition < input.partitions; partition++) {
    const chosen = candidates.toSorted(byReplicas).slice(0, input.replicas)
    for (const candidate of chosen) {
      candidate.replicas += 1
      candidate.totalReplicas += 1
    }
    sets.push(chosen)
  }
  const leaders = sets.map(takeLeader)
  evenLeaders(candidates, sets, leaders)
  return sets.map((set, partition) => {
    const leader = leaders[partition]!
    // Followers begin after the leader, so that they differ between partitions of one set.
    const ring = set.toSorted(byNodeId)
    const start = ring.indexOf(leader)
    return [...ring.slice(start), ...ring.slice(0, start)].map(({ nodeId }) => nodeId)
  })
}

function candidatesOf({ nodes, load }: PlacementInput): Candidate[] {
  return [...new Set(nodes)].sort().map((nodeId) => ({
    nodeId,
    totalReplicas: load.get(nodeId)?.replicas ?? 0,
    totalLeaders: load.get(nodeId)?.leaders ?? 0,
    replicas: 0,
    leaders: 0,
  }))
}

function byReplicas(one: Candidate, other: Candidate): number {
  return (
    one.replicas - other.replicas || one.totalReplicas - other.totalReplicas || byNodeId(one, other)
  )
}

function byLeaders(one: Candidate, other: Candidate): number {
  return (
    one.leaders - other.leaders || one.totalLeaders - other.totalLeaders || byNodeId(one, other)
  )
}

function byNodeId(one: Candidate, other: Candidate): number {
  return one.nodeId < other.nodeId ? -1 : one.nodeId > other.nodeId ? 1 : 0
}

function takeLeader(set: readonly Candidate[]): Candidate {
  const leader = set.toSorted(byLeaders)[0]!
  leader.leaders += 1
  leader.totalLeaders += 1
  return leader
}

/**
 * Choosing one partition after the other can leave a node two leaderships above another. Each round
 * moves one from such a node to such another, over partitions in between if need be: a node gives
 * a partition it leads to a replica of it, that one gives another, and so on.
 */
function evenLeaders(
  candidates: readonly Candidate[],
  sets: readonly (readonly Candidate[])[],
  leaders: Candidate[],
): void {
  for (;;) {
    const path = candidates.map((from) => pathToFewer(from, sets, leaders)).find((each) => each)
    if (path === undefined) return
    for (const { partition, to } of path) {
      leaders[partition]!.leaders -= 1
      leaders[partition]!.totalLeaders -= 1
      leaders[partition] = to
      to.leaders += 1
      to.totalLeaders += 1
    }
  }
}

interface Move {
  readonly partition: number
  readonly to: Candidate
}

/** Shortest chain of moves from a node to one that leads at least two fewer. */
function pathToFewer(
  from: Candidate,
  sets: readonly (readonly Candidate[])[],
  leaders: readonly Candidate[],
): Move[] | undefined {
  const paths = new Map<Candidate, Move[]>([[from, []]])
  for (const [reached, path] of paths) {
    if (reached.leaders <= from.leaders - 2) return path
    for (const [partition, set] of sets.entries()) {
      if (leaders[partition] !== reached) continue
      for (const to of set) {
        if (!paths.has(to)) paths.set(to, [...path, { partition, to }])
      }
    }
  }
  return undefined
}
