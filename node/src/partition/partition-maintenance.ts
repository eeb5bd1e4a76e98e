// The slow work of one replica: checkpoints of the machine, dropping segments below log start, and,
// on the leader, proposing retention and handing over to the preferred replica. Decides when to
// look; what to do is retention.ts and leader-preference.ts. Driven by partition-actor.ts.
import type { LogPoint, ReplicaId } from '@quorate/raft'
import type { TopicConfig } from '../metadata/topic-config.ts'
import { Checkpointer } from '../replication/checkpointer.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import type { GroupKey } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import { shouldTransfer } from './leader-preference.ts'
import type { LogStart } from './log-start.ts'
import type { PartitionMachine } from './machine.ts'
import { decideRetention, type RetentionDecision } from './retention.ts'

export interface MaintenanceOptions {
  readonly key: GroupKey
  readonly storage: Storage
  readonly config: TopicConfig
  readonly preferred: ReplicaId
  readonly host: RaftHost
  readonly machine: PartitionMachine
  /** Index of the checkpoint the machine was restored from; 0 without one. */
  readonly checkpointIndex: number
  /** Called on a later turn; the owner answers with `checkpointSaved`. */
  saved(index: number, error: Error | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  retentionHeld(reason: string | undefined): void
}

export interface LeaderWork {
  readonly wallMs: number
  readonly sinceLeaderMs: number
  proposeLogStart(logStart: LogStart): void
  transfer(to: ReplicaId): void
}

export class PartitionMaintenance {
  readonly #options: MaintenanceOptions
  readonly #checkpointer: Checkpointer
  #heldBy: string | undefined

  constructor(options: MaintenanceOptions) {
    this.#options = options
    const { key, storage, checkpointIndex } = options
    this.#checkpointer = new Checkpointer(key, storage, checkpointIndex, (index, error) =>
      options.saved(index, error),
    )
  }

  /** Why retention waits; undefined when it does not. */
  get heldBy(): string | undefined {
    return this.#heldBy
  }

  get lastCheckpoint(): number {
    return this.#checkpointer.lastIndex
  }

  /** Keeps the machine's state of now, which is the state at `point`. */
  takeCheckpoint({ index, term, chain }: LogPoint): void {
    this.#checkpointer.take({ index, term, chain, state: this.#options.machine.snapshot() })
  }

  /** Writes the states whose index this disk holds by now. */
  writeCheckpoints(): void {
    this.#checkpointer.write(this.#options.host.stored)
  }

  /** Clean stop: a checkpoint of the applied state, so that the next start has little to read. */
  checkpointNow(done: () => void): void {
    const { host } = this.#options
    const point = host.log.pointAt(host.applied)
    if (point !== undefined && host.applied > this.#checkpointer.lastIndex) {
      this.takeCheckpoint(point)
    }
    this.writeCheckpoints()
    this.#checkpointer.whenIdle(done)
  }

  checkpointSaved(index: number, error: Error | undefined): void {
    this.#checkpointer.written()
    if (error !== undefined) {
      this.#options.event('checkpoint.failed', { index, reason: error.message })
    }
    this.dropBelow(this.#options.machine.logStart.index)
  }

  dropBelow(index: number): void {
    if (index <= 0) return
    this.#options.host.log.dropBelow(index, (error) => {
      if (error !== undefined) {
        this.#options.event('retention.failed', { index, reason: error.message })
      }
    })
  }

  /** A look of the leader at retention and at who should lead. */
  lead(work: LeaderWork): void {
    const { host, machine, config, preferred } = this.#options
    const { progress } = host.inspect()
    const decision = decideRetention({
      machine,
      checkpoints: host.log.checkpoints(),
      replicas: progress.map(({ id, match }) => ({ replicaId: id, match })),
      retentionMs: config.retentionMs,
      retentionBytes: config.retentionBytes,
      nowMs: work.wallMs,
    })
    this.#hold(decision)
    if (decision.kind === 'advance') work.proposeLogStart(decision.logStart)
    const hand = shouldTransfer({
      leader: host.replicaId,
      preferred,
      preferredMatch: progress.find(({ id }) => id === preferred)?.match ?? 0,
      lastIndex: host.log.lastIndex,
      sinceLeaderMs: work.sinceLeaderMs,
    })
    if (hand) work.transfer(preferred)
  }

  /** This replica leads no more: what held retention back here is somebody else's to say. */
  release(): void {
    this.#hold({ kind: 'none' })
  }

  #hold(decision: RetentionDecision): void {
    const held = decision.kind === 'held' ? heldText(decision) : undefined
    if (held !== this.#heldBy) this.#options.retentionHeld(held)
    this.#heldBy = held
  }
}

function heldText(decision: Extract<RetentionDecision, { kind: 'held' }>): string {
  const { reason, replicas } = decision
  return replicas.length === 0 ? reason : `${reason}: ${replicas.join(', ')}`
}
