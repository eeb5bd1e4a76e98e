// One replica of one partition: the mailbox through which handlers, peers, disk and timers reach
// its Raft host and its machine. It wires them and holds no rules of its own: elections are the
// core's, what enters the log is admission's, what it means is the machine's. Previous stop of a
// write: handlers/write.ts; next stop: partition-leader.ts, then replication/raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import { RaftHost } from '../replication/raft-host.ts'
import {
  type HostCompletion,
  type RaftHostOwner,
  replicaSession,
} from '../replication/raft-owner.ts'
import { type GroupKey, groupKey, type LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import { MachineDisagreement } from './disagreement.ts'
import { PartitionMachine } from './machine.ts'
import { PartitionLeader } from './partition-leader.ts'
import type { PartitionMessage, ServedCommand } from './partition-message.ts'
import type { PartitionActorOptions } from './partition-options.ts'
import { type LeaderAddress, refuse } from './refusal.ts'
import { describeReplica, type ReplicaDescription } from './replica-description.ts'
import { ReplicaMaintenance } from './replica-maintenance.ts'

type Running = Exclude<PartitionMessage, { type: 'recovered' | 'describe' | 'retire' }>

export class PartitionActor implements Actor<PartitionMessage>, RaftHostOwner {
  readonly #options: PartitionActorOptions
  readonly #key: GroupKey
  #context!: ActorContext<PartitionMessage>
  /** Present together with `#machine` and `#maintenance`, once the log was read back. */
  #host: RaftHost | undefined
  #machine: PartitionMachine | undefined
  #maintenance: ReplicaMaintenance | undefined
  #leader: PartitionLeader | undefined
  #halted: string | undefined
  /** Since when this replica leads, or last tried to hand over to the preferred one. */
  #leaderSinceMs = 0
  /** Messages that arrived before the log was read back. */
  #early: Running[] = []

  constructor(options: PartitionActorOptions) {
    this.#options = options
    this.#key = groupKey(options.group)
  }

  started(context: ActorContext<PartitionMessage>): void {
    this.#context = context
    const reason = this.#options.history.haltReason()
    if (reason !== undefined) {
      this.halted(reason)
      return
    }
    const { self, incarnation } = context
    this.#options.storage.recover(this.#key, (error, recovered) => {
      self.reply({ type: 'recovered', incarnation, error, recovered })
    })
  }

  stopped(): void {
    this.#close()
  }

  receive(message: PartitionMessage): void {
    switch (message.type) {
      case 'recovered':
        if (message.incarnation !== this.#context.incarnation) return
        if (message.recovered !== undefined) this.#begin(message.recovered)
        else this.halted(message.error?.message ?? 'the replica has no files')
        return
      case 'describe':
        message.respond(this.#describe())
        return
      case 'retire':
        this.#close()
        this.#context.stop()
        message.respond()
        return
      default:
        if (this.#host !== undefined) this.#receive(message, this.#host)
        else this.#receiveEarly(message)
    }
  }

  #receive(message: Running, host: RaftHost): void {
    switch (message.type) {
      case 'raft':
        host.receive(message.from, message.message)
        return
      case 'completion':
        if (message.incarnation !== this.#context.incarnation) return
        host.complete(message.completion)
        this.#maintenance!.stored()
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
      case 'continue':
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
      case 'hand-over-due':
        if (this.#leader !== undefined) this.#leader.handingOver = false
        return
      case 'campaign':
        this.#campaign(host, message.attemptsLeft)
        return
      case 'checkpoint':
        this.#maintenance!.checkpointNow(message.respond)
        return
      case 'checkpoint-saved':
        if (message.incarnation !== this.#context.incarnation) return
        this.#maintenance!.checkpointSaved(message.index, message.error)
        return
    }
  }

  #receiveEarly(message: Running): void {
    const waits = this.#halted === undefined && message.type !== 'raft'
    if (waits && this.#early.length < limits.earlyMessagesMax) this.#early.push(message)
    else this.#refuseEarly(message)
  }

  #refuseEarly(message: Running): void {
    if (message.type === 'checkpoint') message.respond()
    else if (message.type === 'continue') message.run()
    else if (isServed(message)) this.#refuse(message)
  }

  #begin(recovered: RecoveredGroup): void {
    const { clock, random, incarnation } = this.#context
    const { config, session } = this.#options
    const { checkpoint } = recovered
    try {
      this.#machine =
        checkpoint === undefined
          ? new PartitionMachine(config)
          : PartitionMachine.restore(checkpoint.state, config)
      this.#host = new RaftHost(
        {
          ...this.#options,
          recovered,
          session: replicaSession(session, incarnation),
          clock,
          draw: (purpose, bound) => random.integer(`${this.#key}/${purpose}`, bound),
        },
        this,
      )
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      this.halted(error.message)
      return
    }
    this.#maintenance = this.#maintenanceOf(this.#host, this.#machine, checkpoint?.index ?? 0)
    this.#maintenance.dropRetired()
    // An incarnation before this one may have led.
    this.#tellLeader(this.#host.term, undefined)
    this.#host.start()
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    this.#options.events.settled(this.#options.group)
    const early = this.#early
    this.#early = []
    for (const message of early) this.#receive(message, this.#host)
  }

  #maintenanceOf(
    host: RaftHost,
    machine: PartitionMachine,
    checkpointIndex: number,
  ): ReplicaMaintenance {
    const { self, incarnation } = this.#context
    const { storage, config, preferred, events, nodes, timing } = this.#options
    return new ReplicaMaintenance({
      key: this.#key,
      storage,
      rule: { retentionMs: config.retentionMs, retentionBytes: config.retentionBytes },
      nodes,
      preferred,
      silenceMs: timing.electionTimeoutMinMs,
      checkpointEntries: limits.checkpointEntries,
      host,
      machine,
      checkpointIndex,
      saved: (index, error) => self.reply({ type: 'checkpoint-saved', incarnation, index, error }),
      event: (name, fields) => this.#event(name, fields),
      retentionHeld: (reason) => events.retentionHeld(this.#key, reason),
    })
  }

  // ── RaftHostOwner ──────────────────────────────────────────────────────────────────────────

  apply(entries: readonly LogEntry[]): void {
    const { history } = this.#options
    for (const entry of entries) {
      history.applying(entry.index)
      if (!this.#applyOne(entry)) return
    }
    history.applied()
    this.#maintenance!.runApplied()
    this.#leader?.applied(entries)
  }

  /** False when this replica disagrees with what its leader decided and has halted. */
  #applyOne(entry: LogEntry): boolean {
    try {
      this.#maintenance!.applied(this.#machine!.apply(entry))
      return true
    } catch (error) {
      if (!(error instanceof MachineDisagreement)) throw error
      this.#host!.halt(error.message)
      return false
    }
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    if (role === 'leader' && this.#leader === undefined) {
      this.#leaderSinceMs = this.#context.clock.monotonicMs()
      this.#leader = this.#createLeader(this.#host!, this.#machine!)
      this.#event('raft.leader-elected', { term, replica: this.#host!.replicaId })
    } else if (role !== 'leader') this.#close()
    this.#context.inspect('role', { role, term, leader })
    this.#tellLeader(term, this.#options.nodes.get(leader))
  }

  #createLeader(host: RaftHost, machine: PartitionMachine): PartitionLeader {
    const { self, clock } = this.#context
    return new PartitionLeader({
      host,
      machine,
      storage: this.#options.storage,
      clock,
      proposeSoon: () => self.reply({ type: 'propose' }),
      runLater: (run) => {
        if (!self.reply({ type: 'continue', run })) run()
      },
      wakeFetchesAt: (atMs) => this.#wake('fetches', atMs, { type: 'expire-fetches' }),
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
    this.#close()
    // What the others do without this replica is theirs; it leads nothing any more.
    this.#tellLeader(this.#host?.term ?? 0, undefined)
    this.#options.events.settled(this.#options.group)
  }

  completeLater(completion: HostCompletion): void {
    const { self, incarnation } = this.#context
    self.reply({ type: 'completion', incarnation, completion })
  }

  wakeAt(monotonicMs: number): void {
    this.#wake('tick', monotonicMs, { type: 'tick' })
  }

  damagedMessage(from: ReplicaId, reason: string): void {
    this.#event('replication.damaged-message', { from, reason })
  }

  // ── serving ────────────────────────────────────────────────────────────────────────────────

  #serve(message: ServedCommand): void {
    const leader = this.#leader
    try {
      if (leader === undefined) this.#refuse(message)
      else if (message.type === 'write') leader.write(message)
      else if (message.type === 'fetch') leader.fetch(message)
      else leader.offsets(message)
    } catch (error) {
      // A defect: this actor restarts, and the message is lost with it. Somebody waits for it.
      this.#refuse(message)
      throw error
    }
  }

  #refuse(message: ServedCommand): void {
    refuse(message, this.#options.group, this.#leaderAddress())
  }

  /** Answers everybody who waits here. */
  #close(): void {
    const leader = this.#leader
    this.#leader = undefined
    this.#maintenance?.release()
    leader?.close(this.#leaderAddress())
    const early = this.#early
    this.#early = []
    for (const message of early) this.#refuseEarly(message)
  }

  #leaderAddress(): LeaderAddress | undefined {
    const node = this.#host?.leaderNode
    if (node === undefined || node === this.#options.node) return undefined
    const address = this.#options.addressOf(node)
    return address === undefined ? undefined : { node, address, term: this.#host!.term }
  }

  #tellLeader(term: number, node: string | undefined): void {
    const { topicId, partition } = this.#options.group
    const hint = { topicId, partition, term }
    this.#options.events.leaderChanged(node === undefined ? hint : { ...hint, node })
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

  /** Nothing new is admitted until leadership has gone, or the core has given up: one time-out. */
  #transfer(host: RaftHost, to: ReplicaId): void {
    if (this.#leader === undefined) return
    host.step({ type: 'transfer', to })
    if (this.#leader === undefined || host.inspect().transferring === 0) return
    this.#leader.handingOver = true
    const dueMs = this.#options.timing.electionTimeoutMaxMs
    this.#context.setTimer('hand-over', dueMs, { type: 'hand-over-due' })
  }

  #maintain(): void {
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    this.#maintenance!.look()
    const leader = this.#leader
    if (leader?.ready !== true) return
    const monotonicMs = this.#context.clock.monotonicMs()
    this.#maintenance!.lead({
      monotonicMs,
      wallMs: this.#options.trustedWallMs(),
      sinceLeaderMs: monotonicMs - this.#leaderSinceMs,
      proposeLogStart: (logStart) => leader.proposeLogStart(logStart),
      transfer: (to) => {
        this.#leaderSinceMs = monotonicMs
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

function isServed(message: Running): message is ServedCommand {
  return message.type === 'write' || message.type === 'fetch' || message.type === 'offsets'
}
