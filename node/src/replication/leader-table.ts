// What this node has heard of who leads which group. A hint only: a partition's own Raft group is
// the authority. The highest term wins; within a term a known leader is never replaced by nobody.
// Fed by local replicas and by the mesh; read by handlers and pushed to clients.
import type { GroupId } from '../storage/log-entry.ts'

export interface LeaderHint {
  readonly topicId: number
  readonly partition: number
  /** Absent while the group is known to have no leader in this term. */
  readonly node?: string
  readonly term: number
}

export class LeaderTable {
  /** By topic id, then by partition. */
  readonly #topics = new Map<number, Map<number, LeaderHint>>()

  /** True when the hint told something new. */
  observe(hint: LeaderHint): boolean {
    const known = this.get(hint)
    if (known !== undefined) {
      if (hint.term < known.term) return false
      if (hint.term === known.term && (known.node !== undefined || hint.node === undefined)) {
        return false
      }
    }
    const partitions = this.#topics.get(hint.topicId)
    if (partitions === undefined) this.#topics.set(hint.topicId, new Map([[hint.partition, hint]]))
    else partitions.set(hint.partition, hint)
    return true
  }

  get({ topicId, partition }: GroupId): LeaderHint | undefined {
    return this.#topics.get(topicId)?.get(partition)
  }

  /** A topic that is no more. */
  forget(topicId: number): void {
    this.#topics.delete(topicId)
  }

  /** Topics that somebody said something about. */
  topicIds(): IterableIterator<number> {
    return this.#topics.keys()
  }
}
