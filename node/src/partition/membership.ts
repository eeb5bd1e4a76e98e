// The next step on a group's way from the configuration in force to the one that is wanted. Pure:
// what the leader knows of its group goes in, one step or the reason for waiting comes out; asked
// again whenever something may have changed. Whoever is to vote first learns the whole log; voters
// then change at once, through a joint configuration; a leader that is to go hands over before. The
// raft package knows which steps are legal, this file which are wise.
import {
  type Configuration,
  type ConfigurationTarget,
  nextConfiguration,
  type ReplicaId,
} from '@quorate/raft'

export interface PeerState {
  readonly id: ReplicaId
  /** All up to here is on its disk. */
  readonly match: number
  /** Its tail is unknown, or a snapshot is on its way to it. */
  readonly incomplete: boolean
  /** It has answered lately. */
  readonly alive: boolean
}

export interface GroupState {
  readonly self: ReplicaId
  /** In force. */
  readonly configuration: Configuration
  /** Of its entry. */
  readonly configurationIndex: number
  /** The configuration is committed, and so is an entry of this leader's own term. */
  readonly settled: boolean
  /** Leadership is being handed over. */
  readonly transferring: boolean
  readonly lastIndex: number
  readonly peers: readonly PeerState[]
  /** Times this leader has tried in vain to hand over because it is to go. */
  readonly handOvers: number
}

export type WaitReason =
  /** A change, or a hand-over, is under way. */
  | 'change-under-way'
  /** Replicas that are to vote do not have the log yet. */
  | 'catching-up'
  /** Too few of those that are to vote answer. */
  | 'too-few-alive'

export type MembershipStep =
  | { readonly kind: 'propose'; readonly configuration: Configuration }
  | { readonly kind: 'hand-over'; readonly to: ReplicaId }
  | {
      readonly kind: 'wait'
      readonly reason: WaitReason
      readonly replicas: readonly ReplicaId[]
    }
  /** The group is what it is to be. */
  | { readonly kind: 'done' }

/** Entries that may still be on their way to a replica that keeps up under load. */
const lagMax = 256
export const handOversMax = 3

export function nextStep(group: GroupState, target: ConfigurationTarget): MembershipStep {
  if (!group.settled || group.transferring) return wait('change-under-way', [])
  const next = nextConfiguration(group.configuration, target)
  if (next === undefined) {
    return group.configuration.outgoing === undefined
      ? { kind: 'done' }
      : wait('change-under-way', [])
  }
  // Learners come and go at once: they count for nothing.
  if (next.outgoing === undefined) return { kind: 'propose', configuration: next }
  const behind = next.voters.filter((id) => isNew(group, id) && !keepsUp(group, id))
  if (behind.length > 0) return wait('catching-up', behind)
  const silent = next.voters.filter((id) => !isAlive(group, id))
  if (2 * silent.length >= next.voters.length) return wait('too-few-alive', silent)
  const heir = next.voters.includes(group.self) ? undefined : heirOf(group, next.voters)
  if (heir !== undefined && group.handOvers < handOversMax) return { kind: 'hand-over', to: heir }
  return { kind: 'propose', configuration: next }
}

function wait(reason: WaitReason, replicas: readonly ReplicaId[]): MembershipStep {
  return { kind: 'wait', reason, replicas }
}

function isNew({ configuration }: GroupState, id: ReplicaId): boolean {
  return !configuration.voters.includes(id)
}

function isAlive({ self, peers }: GroupState, id: ReplicaId): boolean {
  return id === self || peers.some((peer) => peer.id === id && peer.alive)
}

/**
 * It has the whole log, the entry that let it in included, but for what a replica that is never
 * behind lacks too.
 */
function keepsUp(group: GroupState, id: ReplicaId): boolean {
  if (id === group.self) return true
  const peer = group.peers.find((each) => each.id === id)
  if (peer === undefined || !peer.alive || peer.incomplete) return false
  return peer.match >= group.configurationIndex && group.lastIndex - peer.match <= lagMax
}

/** Voter of both that keeps up, in the order of preference: who leads on when this leader goes. */
function heirOf(group: GroupState, voters: readonly ReplicaId[]): ReplicaId | undefined {
  return voters.find((id) => id !== group.self && !isNew(group, id) && keepsUp(group, id))
}
