// What this node has heard of who leads which group. A hint only: a partition's own Raft group is
// the authority. The highest term wins; within a term a known leader is never
// replaced by nobody. Fed by local replicas and by the mesh; read by handlers and pushed to clients.
import { type GroupId, type GroupKey, groupKey } from '../storage/log-entry.ts'

export interface LeaderHint {
  readonly topicId: number
  readonly partition: number
  /** Absent while the group is known to have no leader in this term. */
  readonly node?: string
  readonly term: number
}

export class LeaderTable {
  readonly #hints = new Map<GroupKey, LeaderHint>()

  /** True when the hint told something new. */
  observe(hint: LeaderHint): boolean {
    const key = groupKey(hint)
    const known = this.#hints.get(key)
    if (known !== undefined) {
      if (hint.term < known.term) return false
      if (hint.term === known.term && (known.node !== undefined || hint.node === undefined)) {
        return false
      }
    }
    this.#hints.set(key, hint)
    return true
  }

  get(group: GroupId): LeaderHint | undefined {
    return this.#hints.get(groupKey(group))
  }

  forget(group: GroupId): void {
    this.#hints.delete(groupKey(group))
  }

  /** Groups this node believes `node` to lead; told to a peer when its link comes up. */
  ledBy(node: string): LeaderHint[] {
    return [...this.#hints.values()].filter((hint) => hint.node === node)
  }
}
