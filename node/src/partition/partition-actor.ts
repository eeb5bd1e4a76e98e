// One replica of one partition: the mailbox through which handlers, peers, disk and timers reach
// its Raft host and its machine. It wires them and holds no rules of its own: elections are the
// core's, what enters the log is admission's, what it means is the machine's. Previous stop of a
// write: handlers/write.ts; next stop: partition-leader.ts, then replication/raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import type { TopicConfig } from '../metadata/topic-config.ts'
import type { LeaderHint } from '../replication/leader-table.ts'
import {
  type HostCompletion,
  RaftHost,
  type RaftHostOptions,
  type RaftHostOwner,
} from '../replication/raft-host.ts'
import { type GroupId, type GroupKey, groupKey, type LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import { MachineDisagreement } from './disagreement.ts'
import { PartitionMachine } from './machine.ts'
import { PartitionLeader } from './partition-leader.ts'
import { PartitionMaintenance } from './partition-maintenance.ts'
import type { PartitionMessage } from './partition-message.ts'
import { describeReplica, type ReplicaDescription } from './replica-description.ts'
import type { LeaderAddress } from './write-queue.ts'

export interface PartitionEvents {
  leaderChanged(hint: LeaderHint): void
  /** Why retention of a partition led here waits; undefined when it does not any more. */
  retentionHeld(group: GroupKey, reason: string | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export interface PartitionActorOptions
  extends Omit<RaftHostOptions, 'recovered' | 'clock' | 'draw' | 'session'> {
  readonly group: GroupId
  readonly node: string
  readonly config: TopicConfig
  /** Replica the metadata group wants to lead. */
  readonly preferred: ReplicaId
  /** Boot session of the process; each incarnation of the actor adds one. */
  readonly session: number
  readonly events: PartitionEvents
  addressOf(node: string): string | undefined
  /** Survives restarts of the actor: where it failed, and how often in a row. */
  readonly history: ApplyHistory
}

export interface ApplyHistory {
  /** Index being applied; 0 when none is. Found above 0 at a restart: that entry threw. */
  applying: number
  failedIndex: number
  failures: number
}

export class PartitionActor implements Actor<PartitionMessage>, RaftHostOwner {
  readonly #options: PartitionActorOptions
  readonly #key: string
  #context!: ActorContext<PartitionMessage>
  #host: RaftHost | undefined
  #machine!: PartitionMachine
  #leader: PartitionLeader | undefined
  #halted: string | undefined
  #maintenance: PartitionMaintenance | undefined
  /** Since when this replica leads, or last tried to hand over to the preferred one. */
  #leaderSinceMs = 0
  /** Messages that arrived before the log was read back. */
  #early: PartitionMessage[] = []

  constructor(options: PartitionActorOptions) {
    this.#options = options
    this.#key = groupKey(options.group)
  }

  started(context: ActorContext<PartitionMessage>): void {
    this.#context = context
    if (this.#failedTooOften()) return
    const { incarnation } = context
    this.#options.storage.recover(this.#key, (error, recovered) => {
      context.self.reply({
        type: 'recovered',
        incarnation,
        begin: () => {
          if (error !== undefined || recovered === undefined) {
            this.halted(error?.message ?? 'the replica has no files')
          } else this.#begin(recovered)
        },
      })
    })
  }

  #failedTooOften(): boolean {
    const { history } = this.#options
    if (history.applying > 0) {
      history.failures = history.applying === history.failedIndex ? history.failures + 1 : 1
      history.failedIndex = history.applying
      history.applying = 0
    }
    if (history.failures < limits.replicaFailuresMax) return false
    this.halted(`entry ${history.failedIndex} failed ${history.failures} times`)
    return true
  }

  stopped(): void {
    this.#leader?.close(undefined)
    this.#leader = undefined
  }

  receive(message: PartitionMessage, context: ActorContext<PartitionMessage>): void {
    this.#context = context
    if (message.type === 'recovered') {
      if (message.incarnation === context.incarnation) message.begin()
      return
    }
    if (message.type === 'describe') {
      message.respond(this.#describe())
      return
    }
    if (this.#host === undefined) {
      this.#receiveEarly(message)
      return
    }
    this.#receive(message, this.#host)
  }

  #receive(
    message: Exclude<PartitionMessage, { type: 'recovered' | 'describe' }>,
    host: RaftHost,
  ): void {
    switch (message.type) {
      case 'raft':
        host.receive(message.from, message.message)
        return
      case 'completion':
        if (message.incarnation !== this.#context.incarnation) return
        host.complete(message.completion)
        this.#maintenance?.writeCheckpoints()
        return
      case 'write':
      case 'fetch':
      case 'offsets':
        this.#serve(message)
        return
      case 'propose':
        this.#leader?.propose()
        return
      case 'tick':
        // After a pause of the process answers wait beside the timer: they are heard first.
        this.#context.self.reply({ type: 'tick-due' })
        return
      case 'tick-due':
        host.tick()
        return
      case 'expire-fetches':
        this.#leader?.expireFetches()
        return
      case 'fetched':
        message.run()
        return
      case 'maintain':
        this.#maintain()
        return
      case 'connection-lost':
        host.connectionLost(message.node)
        return
      case 'transfer':
        this.#transfer(host, message.to)
        return
      case 'campaign':
        this.#campaign(host, message.attemptsLeft)
        return
      case 'checkpoint':
        this.#maintenance?.checkpointNow(message.respond)
        return
      case 'checkpoint-saved':
        this.#maintenance?.checkpointSaved(message.index, message.error)
        return
    }
  }

  #receiveEarly(message: PartitionMessage): void {
    if (this.#halted !== undefined) this.#refuse(message)
    else if (message.type !== 'raft' && this.#early.length < limits.earlyMessagesMax) {
      this.#early.push(message)
    } else this.#refuse(message)
  }

  #begin(recovered: RecoveredGroup): void {
    const { clock, random, incarnation } = this.#context
    const { checkpoint } = recovered
    this.#machine =
      checkpoint === undefined
        ? new PartitionMachine(this.#options.config)
        : PartitionMachine.restore(checkpoint.state, this.#options.config)
    this.#host = new RaftHost(
      {
        ...this.#options,
        recovered,
        session: this.#options.session + incarnation,
        clock,
        draw: (purpose, bound) => random.integer(`${this.#key}/${purpose}`, bound),
      },
      this,
    )
    this.#maintenance = this.#createMaintenance(this.#host, checkpoint?.index ?? 0)
    this.#host.start()
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    const early = this.#early
    this.#early = []
    for (const message of early) this.receive(message, this.#context)
  }

  #createMaintenance(host: RaftHost, checkpointIndex: number): PartitionMaintenance {
    const { self } = this.#context
    const { storage, config, preferred, events } = this.#options
    return new PartitionMaintenance({
      key: this.#key,
      storage,
      config,
      preferred,
      host,
      machine: this.#machine,
      checkpointIndex,
      saved: (index, error) =>
        self.reply({
          type: 'checkpoint-saved',
          index,
          ...(error === undefined ? {} : { error }),
        }),
      event: (name, fields) => this.#event(name, fields),
      retentionHeld: (reason) => events.retentionHeld(this.#key, reason),
    })
  }

  // ── RaftHostOwner ──────────────────────────────────────────────────────────────────────────

  apply(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.#options.history.applying = entry.index
      if (!this.#applyOne(entry)) return
    }
    this.#options.history.applying = 0
    this.#leader?.applied(entries)
    const last = entries.at(-1)!
    const maintenance = this.#maintenance!
    if (last.index - maintenance.lastCheckpoint >= limits.checkpointEntries) {
      maintenance.takeCheckpoint(last)
    }
    maintenance.writeCheckpoints()
  }

  /** False when this replica disagrees with what its leader decided and has halted. */
  #applyOne(entry: LogEntry): boolean {
    const host = this.#host!
    try {
      const result = this.#machine.apply(entry)
      if (result.roll) {
        host.log.roll(entry.index)
        this.#maintenance!.takeCheckpoint(entry)
      }
      if (result.logStart !== undefined) this.#maintenance!.dropBelow(result.logStart.index)
      return true
    } catch (error) {
      if (!(error instanceof MachineDisagreement)) throw error
      host.halt(error.message)
      return false
    }
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    const host = this.#host!
    const node = this.#options.nodes.get(leader)
    const { topicId, partition } = this.#options.group
    if (role === 'leader' && this.#leader === undefined) {
      this.#leaderSinceMs = this.#context.clock.monotonicMs()
      this.#leader = new PartitionLeader({
        host,
        machine: this.#machine,
        storage: this.#options.storage,
        clock: this.#context.clock,
        proposeSoon: () => this.#context.self.reply({ type: 'propose' }),
        runLater: (run) => this.#context.self.reply({ type: 'fetched', run }),
        wakeFetchesAt: (atMs) => this.#wake('fetches', atMs, { type: 'expire-fetches' }),
      })
    } else if (role !== 'leader' && this.#leader !== undefined) {
      const closing = this.#leader
      this.#leader = undefined
      this.#maintenance?.release()
      closing.close(this.#leaderAddress())
    }
    this.#context.inspect('role', { role, term, leader })
    if (role === 'leader') {
      this.#event('raft.leader_elected', { term, replica: host.replicaId })
    }
    this.#options.events.leaderChanged({
      topicId,
      partition,
      term,
      ...(node === undefined ? {} : { node }),
    })
  }

  readReady(readId: number, index: number): void {
    this.#leader?.readReady(readId, index)
  }

  readRefused(readId: number): void {
    this.#leader?.readRefused(readId)
  }

  halted(reason: string): void {
    this.#halted = reason
    this.#event('partition.halted', { reason })
    this.#leader?.close(undefined)
    this.#leader = undefined
    for (const message of this.#early) this.#refuse(message)
    this.#early = []
  }

  completeLater(completion: HostCompletion): void {
    const { self, incarnation } = this.#context
    self.reply({ type: 'completion', incarnation, completion })
  }

  wakeAt(monotonicMs: number): void {
    this.#wake('tick', monotonicMs, { type: 'tick' })
  }

  damagedMessage(from: ReplicaId, reason: string): void {
    this.#event('replication.damaged_message', { from, reason })
  }

  // ── serving ────────────────────────────────────────────────────────────────────────────────

  #serve(message: Extract<PartitionMessage, { type: 'write' | 'fetch' | 'offsets' }>): void {
    const leader = this.#leader
    if (leader === undefined) this.#refuse(message)
    else if (message.type === 'write') leader.write(message)
    else if (message.type === 'fetch') leader.fetch(message)
    else leader.offsets(message)
  }

  #refuse(message: PartitionMessage): void {
    const leader = this.#leaderAddress()
    const hint = leader === undefined ? {} : { leader }
    if (message.type === 'write') {
      message.respond({
        ...this.#options.group,
        error: 'QUORATE_NOT_LEADER',
        offset: -1,
        duplicate: false,
        ...hint,
      })
    } else if (message.type === 'fetch') {
      message.respond({
        error: 'QUORATE_NOT_LEADER',
        highWatermark: -1,
        logStartOffset: -1,
        batches: { pieces: [], byteLength: 0 },
        ...hint,
      })
    } else if (message.type === 'offsets') {
      message.respond({ error: 'QUORATE_NOT_LEADER' })
    } else if (message.type === 'checkpoint') {
      message.respond()
    }
  }

  #leaderAddress(): LeaderAddress | undefined {
    const node = this.#host?.leaderNode
    if (node === undefined || node === this.#options.node) return undefined
    const address = this.#options.addressOf(node)
    return address === undefined ? undefined : { node, address, term: this.#host!.term }
  }

  /** The other replicas may not exist yet: their nodes create them as they apply the same entry. */
  #campaign(host: RaftHost, attemptsLeft: number): void {
    if (host.leader !== 0 || host.role === 'leader' || attemptsLeft === 0) return
    host.step({ type: 'campaign' })
    this.#context.setTimer('campaign', limits.campaignRetryMs, {
      type: 'campaign',
      attemptsLeft: attemptsLeft - 1,
    })
  }

  #transfer(host: RaftHost, to: ReplicaId): void {
    if (this.#leader === undefined) return
    this.#leader.handingOver = true
    host.step({ type: 'transfer', to })
    // A transfer that did not happen is over after one election time-out; then writes go on.
    this.#context.setTimer('hand-over', this.#options.timing.electionTimeoutMaxMs, {
      type: 'fetched',
      run: () => {
        if (this.#leader !== undefined) this.#leader.handingOver = false
      },
    })
  }

  #maintain(): void {
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    const leader = this.#leader
    if (leader?.ready !== true) return
    const { clock } = this.#context
    const nowMs = clock.monotonicMs()
    this.#maintenance?.lead({
      wallMs: clock.wallMs(),
      sinceLeaderMs: nowMs - this.#leaderSinceMs,
      proposeLogStart: (logStart) => leader.proposeLogStart(logStart),
      transfer: (to) => {
        this.#leaderSinceMs = nowMs
        this.#transfer(this.#host!, to)
      },
    })
  }

  #wake(name: string, atMs: number, message: PartitionMessage): void {
    this.#context.setTimer(name, Math.max(0, atMs - this.#context.clock.monotonicMs()), message)
  }

  #event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: this.#key, ...fields })
  }

  #describe(): ReplicaDescription {
    return describeReplica({
      group: this.#options.group,
      node: this.#options.node,
      host: this.#host,
      machine: this.#machine,
      halted: this.#halted,
      heldBy: this.#maintenance?.heldBy,
    })
  }
}
