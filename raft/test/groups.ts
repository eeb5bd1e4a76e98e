// Leaders and groups at the point where a change of members begins, and the steps of one, for the
// tests of membership.test.ts and removal.test.ts.
import type { Configuration, ReplicaId } from '../src/index.ts'
import { makeConfigurationEntry, RaftCluster } from '../src/testing/index.ts'
import { Solo } from './solo.ts'

export function change(solo: Solo, configuration: Configuration) {
  const { log, term } = solo.raft
  const entry = makeConfigurationEntry(log.pointAt(log.lastIndex)!, term, configuration)
  return solo.input({ type: 'propose', entries: [entry] })
}

export function settled(): Solo {
  const solo = new Solo()
  solo.becomeServingLeader()
  return solo
}

export function led(replicas = 3): RaftCluster {
  const cluster = new RaftCluster({ replicas })
  cluster.elect(1)
  cluster.settle()
  return cluster
}

export function votersOn(cluster: RaftCluster, id: ReplicaId) {
  return cluster.raft(id).membership.placed.configuration
}

/** Takes all the steps to these members. */
export function arrive(
  cluster: RaftCluster,
  voters: ReplicaId[],
  learners: ReplicaId[] = [],
): void {
  for (let step = 0; step < 8; step++) {
    const leader = cluster.settle()
    if (cluster.change(leader, { voters, learners }) === 'nothing to change') return
  }
  throw new Error('members were not reached')
}
