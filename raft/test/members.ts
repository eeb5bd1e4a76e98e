// Who is to be in the group of a random schedule, and the steps there: every replica that thinks it
// leads takes the next one whenever it may, as hosts do.
import { expect } from 'vitest'
import type { ReplicaId } from '../src/index.ts'
import { isJoint, isSameSet, learnersOf } from '../src/membership.ts'
import type { RaftCluster } from '../src/testing/index.ts'

const replicasMax = 7

export class Members {
  voters: readonly ReplicaId[]
  learners: readonly ReplicaId[] = []
  private readonly cluster: RaftCluster

  constructor(cluster: RaftCluster) {
    this.cluster = cluster
    this.voters = [...cluster.ids]
  }

  /** A new replica with an empty disk, as learner. 0 when there are enough. */
  add(): ReplicaId {
    const { ids } = this.cluster
    if (ids.length >= replicasMax) return 0
    const id = ids.length + 1
    this.cluster.add(id)
    this.learners = [...this.learners, id]
    return id
  }

  /** Others vote from now on; who voted before and is not named is out. */
  change(voters: readonly ReplicaId[]): void {
    this.voters = [...new Set(voters)]
    this.learners = this.learners.filter((id) => !this.voters.includes(id))
  }

  /** A new replica takes the place of this one. */
  replace(id: ReplicaId): void {
    const added = this.add()
    if (added !== 0) this.change([...this.voters.filter((voter) => voter !== id), added])
  }

  pursue(): void {
    for (const { id } of this.cluster.live()) this.cluster.change(id, this)
  }

  /** The faults are over: the group must come to have these members. */
  arrive(): void {
    for (let steps = 0; steps < 6 && !this.isThere(); steps++) {
      this.pursue()
      this.cluster.settle(5000)
    }
    expect(this.isThere(), 'members').toBe(true)
  }

  private isThere(): boolean {
    const { configuration } = this.cluster.raft(this.cluster.leader()).membership.placed
    return (
      !isJoint(configuration) &&
      isSameSet(configuration.voters, this.voters) &&
      isSameSet(learnersOf(configuration), this.learners)
    )
  }
}
