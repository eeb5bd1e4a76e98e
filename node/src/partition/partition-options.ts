// What a partition actor is given by the node: who it is, what it may call, and whom it tells. Types
// only; built by partition-supervisor.ts out of an assignment, used by partition-actor.ts.
import type { ReplicaId } from '@quorate/raft'
import type { DesiredConfiguration, ReplicasNow } from '../metadata/places.ts'
import type { TopicConfig } from '../metadata/topic-config.ts'
import type { LeaderHint } from '../replication/leader-table.ts'
import type { ShellOptions } from '../replication/replica-shell.ts'
import type { GroupId, GroupKey } from '../storage/log-entry.ts'

export interface PartitionEvents {
  /** The replica has been read back from disk, or has halted: it is as ready as it gets. */
  settled(group: GroupId): void
  leaderChanged(hint: LeaderHint): void
  /** Why retention of a partition led here waits; undefined when it does not any more. */
  retentionHeld(group: GroupKey, reason: string | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export interface PartitionActorOptions extends ShellOptions {
  readonly group: GroupId
  readonly node: string
  readonly config: TopicConfig
  readonly events: PartitionEvents
  /** Replica the metadata group wants to lead, as known now. */
  preferred(): ReplicaId | undefined
  /** What the group's configuration is to become, as known now. */
  desired(): DesiredConfiguration | undefined
  /** To be told to the metadata group. `done` once it has taken or refused it. */
  replicasChanged(group: GroupId, now: ReplicasNow, done: () => void): void
  addressOf(node: string): string | undefined
  /** Wall clock; undefined while it cannot be trusted with retiring records by age. */
  trustedWallMs(): number | undefined
}

/** The same for every partition of the node. */
export type PartitionSurroundings = Pick<
  PartitionActorOptions,
  | 'node'
  | 'session'
  | 'timing'
  | 'storage'
  | 'probe'
  | 'send'
  | 'admitsSnapshot'
  | 'fetchEntries'
  | 'fetchState'
  | 'isGone'
  | 'addressOf'
  | 'trustedWallMs'
  | 'replicasChanged'
> & { readonly events: Omit<PartitionEvents, 'settled'> }
