// Which replicas would have to move, and which preferred leaders to change, until every node has as
// many as any other, give or take one. Pure and deterministic; every move takes one replica from a
// node with at least two more to one with fewer, so there are as few moves as there can be. Asked by
// planner.ts and by the dry run of `cluster rebalance`.
import type { PartitionPlaces } from './places.ts'
import type { MetadataState, Topic } from './state.ts'

export interface ReplicaMove {
  readonly topicId: number
  readonly topic: string
  readonly partition: number
  /** Node ids, the preferred leader first. */
  readonly from: readonly string[]
  readonly to: readonly string[]
}

export interface Rebalance {
  /** Replicas change nodes. */
  readonly moves: readonly ReplicaMove[]
  /** Only the preferred leader changes. Found when no replica has to move. */
  readonly leaders: readonly ReplicaMove[]
}

interface Layout {
  readonly topic: Topic
  readonly partition: number
  readonly before: readonly string[]
  nodes: readonly string[]
}

/** `max`: stop after that many moves, and that many changes of leaders. */
export function rebalance(
  state: MetadataState,
  isUp: (nodeId: string) => boolean,
  max = Number.POSITIVE_INFINITY,
): Rebalance {
  const staying = [...state.nodes.values()]
    .filter(({ leaving }) => !leaving)
    .map(({ nodeId }) => nodeId)
    .sort()
  const layouts = layoutsOf(state)
  const targets = staying.filter(isUp)
  for (let moved = 0; moved < max; moved++) {
    if (!moveOne(state, layouts, staying, targets)) break
  }
  const moves = changed(layouts)
  if (moves.length > 0) return { moves, leaders: [] }
  for (let turned = 0; turned < max; turned++) {
    if (!turnOne(layouts, staying, targets)) break
  }
  return { moves, leaders: changed(layouts) }
}

export function isInFlight({ removing }: Pick<PartitionPlaces, 'removing'>): boolean {
  return removing.length > 0
}

/** Partitions that may be touched: those whose earlier moves are finished. */
function layoutsOf(state: MetadataState): Layout[] {
  return [...state.topics.values()]
    .sort((a, b) => a.id - b.id)
    .flatMap((topic) =>
      topic.partitions
        .filter((places) => !isInFlight(places))
        .map(({ partition, replicas }) => {
          const before = replicas.map(({ nodeId }) => nodeId)
          return { topic, partition, before, nodes: before }
        }),
    )
}

function changed(layouts: readonly Layout[]): ReplicaMove[] {
  return layouts
    .filter(({ before, nodes }) => before !== nodes)
    .map(({ topic, partition, before, nodes }) => ({
      topicId: topic.id,
      topic: topic.name,
      partition,
      from: before,
      to: nodes,
    }))
}

function moveOne(
  state: MetadataState,
  layouts: readonly Layout[],
  staying: readonly string[],
  targets: readonly string[],
): boolean {
  const counts = replicaCounts(state, layouts, staying)
  const of = (nodeId: string) => counts.get(nodeId)!
  const descending = staying.toSorted((a, b) => of(b) - of(a))
  const ascending = targets.toSorted((a, b) => of(a) - of(b))
  for (const from of descending) {
    for (const to of ascending) {
      if (of(from) - of(to) < 2) break
      const layout = bestToMove(layouts, from, to)
      if (layout === undefined) continue
      layout.nodes = layout.nodes.map((nodeId) => (nodeId === from ? to : nodeId))
      return true
    }
  }
  return false
}

/** Replicas in flight count where they are going. */
function replicaCounts(
  state: MetadataState,
  layouts: readonly Layout[],
  staying: readonly string[],
): Map<string, number> {
  const counts = new Map(staying.map((nodeId) => [nodeId, 0]))
  const add = (nodeId: string) => {
    const count = counts.get(nodeId)
    if (count !== undefined) counts.set(nodeId, count + 1)
  }
  for (const { nodes } of layouts) nodes.forEach(add)
  for (const { partitions } of state.topics.values()) {
    for (const places of partitions) {
      if (isInFlight(places)) for (const { nodeId } of places.replicas) add(nodeId)
    }
  }
  return counts
}

/** A topic that is uneven between the two comes first, then one that `from` does not lead. */
function bestToMove(layouts: readonly Layout[], from: string, to: string): Layout | undefined {
  const surplus = new Map<number, number>()
  for (const { topic, nodes } of layouts) {
    const change = Number(nodes.includes(from)) - Number(nodes.includes(to))
    surplus.set(topic.id, (surplus.get(topic.id) ?? 0) + change)
  }
  let best: Layout | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (const layout of layouts) {
    if (!layout.nodes.includes(from) || layout.nodes.includes(to)) continue
    const score = surplus.get(layout.topic.id)! * 2 + Number(layout.nodes[0] !== from)
    if (score > bestScore) {
      best = layout
      bestScore = score
    }
  }
  return best
}

/** One leadership goes, over partitions in between if need be, to a node that has two fewer. */
function turnOne(
  layouts: readonly Layout[],
  staying: readonly string[],
  targets: readonly string[],
): boolean {
  const counts = new Map(staying.map((nodeId) => [nodeId, 0]))
  for (const { nodes } of layouts) {
    const [leader = ''] = nodes
    if (counts.has(leader)) counts.set(leader, counts.get(leader)! + 1)
  }
  for (const from of staying.toSorted((a, b) => counts.get(b)! - counts.get(a)!)) {
    const path = pathToFewer(from, layouts, counts, new Set(targets))
    if (path === undefined) continue
    for (const { layout, to } of path) {
      layout.nodes = [to, ...layout.nodes.filter((nodeId) => nodeId !== to)]
    }
    return true
  }
  return false
}

interface Turn {
  readonly layout: Layout
  readonly to: string
}

function pathToFewer(
  from: string,
  layouts: readonly Layout[],
  counts: ReadonlyMap<string, number>,
  targets: ReadonlySet<string>,
): Turn[] | undefined {
  const paths = new Map<string, Turn[]>([[from, []]])
  for (const [reached, path] of paths) {
    if (counts.get(reached)! <= counts.get(from)! - 2) return path
    for (const layout of layouts) {
      if (layout.nodes[0] !== reached) continue
      for (const to of layout.nodes) {
        if (targets.has(to) && !paths.has(to)) paths.set(to, [...path, { layout, to }])
      }
    }
  }
  return undefined
}
