// The slow work of one replica: checkpoints of its machine, segments that end or lie below log start,
// and, on the leader, proposing retention and handing over to the preferred replica. Decides when to
// look; what to do is retention.ts and leader-preference.ts. Driven by partition-actor.ts and
// metadata-actor.ts, whose machines roll and retire their logs by the same rules.
import type { LogPoint, ProgressInspection, ReplicaId } from '@quorate/raft'
import { limits } from '../limits.ts'
import type { NodeProbe } from '../probes.ts'
import { Checkpointer } from '../replication/checkpointer.ts'
import type { GroupNodes } from '../replication/group-nodes.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import type { GroupKey } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import { shouldTransfer } from './leader-preference.ts'
import type { LogStart } from './log-start.ts'
import { decideRetention, type RetentionDecision, type RetentionInput } from './retention.ts'

/** Applied since a checkpoint, before another one may be provoked. */
const fewEntries = 8

export interface MaintenanceOptions {
  readonly key: GroupKey
  readonly storage: Storage
  readonly probe: NodeProbe
  readonly host: RaftHost
  readonly machine: MaintainedMachine
  readonly rule: Pick<RetentionInput, 'retentionMs' | 'retentionBytes'>
  readonly nodes: GroupNodes
  /** A leader that has not heard a peer for so long takes it for down. */
  readonly silenceMs: number
  /** Index of the checkpoint the machine was restored from; 0 without one. */
  readonly checkpointIndex: number
  /** Entries applied at most between two checkpoints. */
  readonly checkpointEntries: number
  /** Called out of storage's turn; the owner answers with `checkpointSaved` in its own. */
  saved(index: number, error: Error | undefined): void
  /** Runs it in the replica's own turn, if the replica still lives then. */
  inTurn(run: () => void): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
  retentionHeld(reason: string | undefined): void
  /** Replica that should lead; undefined: whoever does. */
  preferred(): ReplicaId | undefined
}

export type MaintainedMachine = RetentionInput['machine'] & {
  readonly applied: LogPoint
  snapshot(): Uint8Array
}

export interface LeaderWork {
  readonly monotonicMs: number
  /** Undefined when the clock cannot be trusted: then nothing is retired by age. */
  readonly wallMs: number | undefined
  readonly sinceLeaderMs: number
  proposeLogStart(logStart: LogStart): void
  transfer(to: ReplicaId): void
}

/** What applying an entry means for files. */
export interface AppliedFiles {
  readonly index: number
  /** A segment ends with this entry. */
  readonly roll: boolean
  /** The log begins later now. */
  readonly logStart?: LogStart | undefined
}

export class ReplicaMaintenance {
  readonly #options: MaintenanceOptions
  readonly #checkpointer: Checkpointer
  #machine: MaintainedMachine
  #heldBy: string | undefined
  /** Since when replicas that are catching up hold retention back. */
  #heldSinceMs: number | undefined

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#machine = options.machine
    const { key, storage, host, checkpointIndex } = options
    this.#checkpointer = new Checkpointer(key, storage, host.log, checkpointIndex, (index, error) =>
      options.saved(index, error),
    )
  }

  /** The machine is another one, in the state of a snapshot, which storage keeps as a checkpoint. */
  restored(machine: MaintainedMachine, index: number): void {
    this.#machine = machine
    this.#checkpointer.restart(index)
  }

  /** Why retention waits; undefined when it does not. */
  get heldBy(): string | undefined {
    return this.#heldBy
  }

  /** The machine has just applied this entry and no later one. */
  applied({ index, roll, logStart }: AppliedFiles): void {
    if (roll) {
      this.#options.host.log.roll(index)
      this.#takeCheckpoint()
    }
    if (logStart !== undefined) this.#dropBelow(logStart.index)
  }

  /** A run of entries was applied. */
  runApplied(): void {
    const { checkpointEntries, probe } = this.#options
    const since = this.#machine.applied.index - this.#checkpointer.lastIndex
    const isForced = since >= fewEntries && probe.provoke('replica.checkpoint-now')
    if (since >= checkpointEntries || isForced) this.#takeCheckpoint()
    this.#checkpointer.write()
  }

  /** This disk may hold more by now. */
  stored(): void {
    this.#checkpointer.write()
  }

  /** Clean stop: a checkpoint of the applied state, so that the next start has little to read. */
  checkpointNow(done: () => void): void {
    this.#takeCheckpoint()
    this.#checkpointer.retry()
    this.#checkpointer.whenIdle(done)
  }

  checkpointSaved(index: number, error: Error | undefined): void {
    this.#checkpointer.written(error)
    if (error !== undefined) {
      this.#options.event('checkpoint.failed', { index, reason: error.message })
    }
    this.dropRetired()
  }

  /** Segments below the log start go as soon as there is a checkpoint in their place. */
  dropRetired(): void {
    this.#dropBelow(this.#machine.logStart.index)
  }

  /**
   * Others have retired the log through this index, by an entry that is committed. A replica with a hole
   * there does not come to that entry by itself: it applies nothing behind the hole. What it has
   * applied it needs no longer.
   */
  retiredElsewhere(index: number): void {
    this.#dropBelow(Math.min(index, this.#machine.applied.index))
  }

  /** Now and then, on every replica. */
  look(): void {
    this.#checkpointer.retry()
    this.#options.host.releaseEvicted()
  }

  /** Now and then, on the leader: retention, and who should lead. */
  lead(work: LeaderWork): void {
    const { host, rule } = this.#options
    const machine = this.#machine
    const { progress, transferring } = host.inspect()
    if (transferring !== 0) return
    const decision = decideRetention({
      machine,
      checkpoints: host.log.checkpoints(),
      replicas: this.#catchingUp(work.monotonicMs, progress),
      ...rule,
      nowMs: work.wallMs,
    })
    this.#hold(decision)
    const isHeld = decision.kind === 'held' && decision.replicas.length > 0
    this.#heldSinceMs = isHeld ? (this.#heldSinceMs ?? work.monotonicMs) : undefined
    if (decision.kind === 'advance') work.proposeLogStart(decision.logStart)
    const { silenceMs } = this.#options
    const preferred = this.#options.preferred()
    const peer = progress.find(({ id }) => id === preferred)
    if (preferred === undefined || peer === undefined) return
    const hand = shouldTransfer({
      leader: host.replicaId,
      preferred,
      preferredMatch: peer.match,
      lastIndex: host.log.lastIndex,
      sinceLeaderMs: work.sinceLeaderMs,
      // A learner, or one that is not sure of its own log, cannot lead.
      preferredUp: !peer.learner && !peer.recovering && work.monotonicMs - peer.heardMs < silenceMs,
    })
    if (hand) work.transfer(preferred)
  }

  /**
   * Whoever answers may be catching up, and what it still needs stays for a while; for ever would
   * let one slow disk fill all others. One that is away gets a snapshot when it comes back.
   */
  #catchingUp(
    nowMs: number,
    progress: readonly ProgressInspection[],
  ): { readonly replicaId: ReplicaId; readonly match: number }[] {
    if (nowMs - (this.#heldSinceMs ?? nowMs) > limits.catchUpHoldMs) return []
    return progress
      .filter(({ heardMs }) => nowMs - heardMs < this.#options.silenceMs)
      .map(({ id, match }) => ({ replicaId: id, match }))
  }

  /** This replica leads no more: what held retention back here is somebody else's to say. */
  release(): void {
    this.#heldSinceMs = undefined
    this.#hold({ kind: 'none' })
  }

  #takeCheckpoint(): void {
    const machine = this.#machine
    const { index, term, chain } = machine.applied
    this.#checkpointer.take(index, () => ({ index, term, chain, state: machine.snapshot() }))
  }

  #dropBelow(index: number): void {
    const { host, event, inTurn } = this.#options
    if (index <= host.log.start.index) return
    const hadHoles = host.log.holes().length > 0
    host.log.dropBelow(index, (error) => {
      if (error !== undefined) event('retention.failed', { index, reason: error.message })
      else if (hadHoles) inTurn(() => host.holesChanged())
    })
  }

  #hold(decision: RetentionDecision): void {
    const held = decision.kind === 'held' ? this.#heldText(decision) : undefined
    if (held !== this.#heldBy) this.#options.retentionHeld(held)
    this.#heldBy = held
  }

  #heldText({ reason, replicas }: Extract<RetentionDecision, { kind: 'held' }>): string {
    if (replicas.length === 0) return reason
    const { nodes } = this.#options
    return `${reason}: ${replicas.map((id) => nodes.nodeOf(id) ?? `replica ${id}`).join(', ')}`
  }
}
