// Moves the configuration of a group that this replica leads towards what the metadata want, one
// step at each look, and tells when it is there. What the next step is decides membership.ts; what
// may be proposed the raft package. Driven by replica-shell.ts, for partitions and for the metadata
// group alike; lives as long as one leadership.
import type { Clock } from '@quorate/actors'
import type { ReplicaId } from '@quorate/raft'
import type { DesiredConfiguration, ReplicasNow } from '../metadata/places.ts'
import type { NodeProbe } from '../probes.ts'
import type { GroupNodes } from '../replication/group-nodes.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { handOversMax, type MembershipStep, nextStep } from './membership.ts'

export interface DriverSurroundings {
  readonly host: RaftHost
  readonly nodes: GroupNodes
  readonly clock: Clock
  readonly probe: NodeProbe
  /** A peer that has not answered for so long counts as silent. */
  readonly silenceMs: number
  desired(): DesiredConfiguration | undefined
  transfer(to: ReplicaId): void
  /**
   * The group's committed configuration is this, and the metadata should know: replicas of before
   * may go. `done` once they do, or will not listen.
   */
  changed(now: ReplicasNow, done: () => void): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export class MembershipDriver {
  readonly #around: DriverSurroundings
  #handOvers = 0
  #telling = false
  /** The last one told of: a reason that stays is told of once. */
  #waitsFor = ''

  constructor(around: DriverSurroundings) {
    this.#around = around
  }

  /** Takes the next step. True: there will be more to do. */
  look(): boolean {
    const { desired } = this.#around
    const wanted = desired()
    if (wanted === undefined) return false
    if (this.#around.probe.provoke('membership.step-later')) return true
    const voters = wanted.voters.map(({ replicaId }) => replicaId)
    const learners = wanted.learners.map(({ replicaId }) => replicaId)
    let step = this.#nextStep(voters, learners, this.#handOvers)
    if (step.kind === 'hand-over' && this.#around.probe.provoke('membership.hand-over-left-out')) {
      step = this.#nextStep(voters, learners, handOversMax)
    }
    this.#tellWhy(step)
    switch (step.kind) {
      case 'done':
        if (wanted.removing.length === 0) return false
        this.#tell({ voters, learners, changedIndex: wanted.changedIndex ?? 0 })
        return true
      case 'hand-over':
        this.#handOvers += 1
        this.#around.transfer(step.to)
        return true
      case 'propose':
        // The entry says where its members live: so do the places that are wanted.
        for (const { replicaId, nodeId } of [...wanted.voters, ...wanted.learners]) {
          this.#around.nodes.learn(replicaId, nodeId)
        }
        this.#around.host.proposeConfiguration(step.configuration)
        return true
      case 'wait':
        return true
    }
  }

  #nextStep(
    voters: readonly ReplicaId[],
    learners: readonly ReplicaId[],
    handOvers: number,
  ): MembershipStep {
    const { host, clock, silenceMs } = this.#around
    const inspection = host.inspect()
    const nowMs = clock.monotonicMs()
    const group = {
      self: host.replicaId,
      configuration: inspection.configuration,
      configurationIndex: inspection.configurationIndex,
      settled: inspection.configurationCommitted && inspection.serving,
      transferring: inspection.transferring !== 0,
      lastIndex: inspection.lastIndex,
      handOvers,
      peers: inspection.progress.map(({ id, match, recovering, state, session, heardMs }) => ({
        id,
        match,
        incomplete: recovering || state === 'snapshot',
        // One that was never heard of has no session yet.
        alive: session !== 0 && nowMs - heardMs < silenceMs,
      })),
    }
    return nextStep(group, { voters, learners })
  }

  #tell(now: ReplicasNow): void {
    if (this.#telling) return
    this.#telling = true
    this.#around.changed(now, () => {
      this.#telling = false
    })
  }

  #tellWhy(step: MembershipStep): void {
    const waitsFor = step.kind === 'wait' ? `${step.reason} ${step.replicas.join()}` : ''
    if (waitsFor === this.#waitsFor) return
    this.#waitsFor = waitsFor
    if (step.kind !== 'wait' || step.replicas.length === 0) return
    const { reason, replicas } = step
    const nodes = replicas.map((replica) => this.#around.nodes.nodeOf(replica) ?? `${replica}`)
    this.#around.event('membership.waiting', { reason, replicas, nodes })
  }
}
