// One replica of one partition: the mailbox through which handlers, peers, disk and timers reach
// its replica. It wires what is particular to partitions and holds no rules of its own: elections are the
// core's, what enters the log is admission's, what it means is the machine's. Previous stop of a
// write: handlers/write.ts; next stop: partition-leader.ts, then replication/raft-host.ts.
import type { Actor, ActorContext } from '@quorate/actors'
import type { ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import type { DesiredConfiguration, ReplicasNow } from '../metadata/places.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { ReplicaShell, type ShellOwner } from '../replication/replica-shell.ts'
import { type GroupKey, groupKey, type LogEntry } from '../storage/log-entry.ts'
import { type ApplyResult, PartitionMachine } from './machine.ts'
import { PartitionLeader } from './partition-leader.ts'
import type { PartitionMessage, ServedCommand } from './partition-message.ts'
import type { PartitionActorOptions } from './partition-options.ts'
import { type LeaderAddress, refuse } from './refusal.ts'
import { describeReplica, type ReplicaDescription } from './replica-description.ts'
import type { ReplicaMaintenance } from './replica-maintenance.ts'

type Running = Exclude<PartitionMessage, { type: 'recovered' | 'describe' | 'health' | 'retire' }>

export class PartitionActor implements Actor<PartitionMessage>, ShellOwner<PartitionMachine> {
  readonly #options: PartitionActorOptions
  readonly #key: GroupKey
  #context!: ActorContext<PartitionMessage>
  #shell!: ReplicaShell<PartitionMachine>
  #leader: PartitionLeader | undefined
  #halted: string | undefined
  /** Since when this replica leads, or last tried to hand over to the preferred one. */
  #leaderSinceMs = 0
  /** Messages that arrived before the log was read back. */
  #early: Running[] = []

  readonly checkpointEntries = limits.checkpointEntries

  constructor(options: PartitionActorOptions) {
    this.#options = options
    this.#key = groupKey(options.group)
  }

  get rule(): { readonly retentionMs: number; readonly retentionBytes: number } {
    return this.#options.config
  }

  started(context: ActorContext<PartitionMessage>): void {
    this.#context = context
    this.#shell = new ReplicaShell(this.#key, this.#options, this, context)
    this.#shell.recover()
  }

  stopped(): void {
    this.#close()
  }

  receive(message: PartitionMessage): void {
    switch (message.type) {
      case 'recovered':
        this.#shell.recovered(message)
        return
      case 'describe':
        message.respond(this.#describe())
        return
      case 'health':
        message.respond(this.#shell.health())
        return
      case 'repair':
        this.#shell.receive(message)
        return
      case 'retire':
        this.#close()
        this.#context.stop()
        message.respond()
        return
      default:
        if (this.#shell.host !== undefined) this.#receive(message, this.#shell.host)
        else this.#receiveEarly(message)
    }
  }

  #receive(message: Running, host: RaftHost): void {
    switch (message.type) {
      case 'write':
      case 'fetch':
      case 'offsets':
        this.#serve(message)
        return
      case 'propose':
        if (this.#options.probe.provoke('partition.propose-later'))
          this.#context.self.reply(message)
        else this.#leader?.propose()
        return
      case 'expire-fetches':
        this.#leader?.expireFetches()
        return
      case 'continue':
        message.run()
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
      default:
        this.#shell.receive(message)
    }
  }

  #receiveEarly(message: Running): void {
    const isOpening = this.#halted === undefined && !this.#shell.waitsForState
    const waits = isOpening && message.type !== 'raft'
    if (waits && this.#early.length < limits.earlyMessagesMax) this.#early.push(message)
    else this.#refuseEarly(message)
  }

  #refuseEarly(message: Running): void {
    if (message.type === 'checkpoint') message.respond()
    else if (message.type === 'continue') message.run()
    else if (isServed(message)) this.#refuse(message)
  }

  // ── ShellOwner ─────────────────────────────────────────────────────────────────────────────

  machineOf(checkpoint: Uint8Array | undefined): PartitionMachine {
    const { config } = this.#options
    return checkpoint === undefined
      ? new PartitionMachine(config)
      : PartitionMachine.restore(checkpoint, config)
  }

  begun(host: RaftHost): void {
    // An incarnation before this one may have led.
    this.#tellLeader(host.term, undefined)
    this.#options.events.settled(this.#options.group)
    const early = this.#early
    this.#early = []
    for (const message of early) this.#receive(message, host)
  }

  preferred(): ReplicaId | undefined {
    return this.#options.preferred()
  }

  applyEntry(machine: PartitionMachine, entry: LogEntry): ApplyResult {
    return machine.apply(entry)
  }

  get leading(): boolean {
    return this.#leader?.ready === true
  }

  desired(): DesiredConfiguration | undefined {
    return this.#options.desired()
  }

  transfer(to: ReplicaId): void {
    this.#transfer(this.#shell.host!, to)
  }

  changed(now: ReplicasNow, done: () => void): void {
    this.#options.replicasChanged(this.#options.group, now, done)
  }

  proposed(entry: LogEntry): void {
    this.#leader?.proposed(entry)
  }

  applied(entries: readonly LogEntry[]): void {
    this.#leader?.applied(entries)
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    if (role === 'leader' && this.#leader === undefined) {
      this.#leaderSinceMs = this.#context.clock.monotonicMs()
      const { host, machine } = this.#shell
      this.#leader = this.#createLeader(host!, machine!)
      this.event('raft.leader-elected', { term, replica: host!.replicaId })
    } else if (role !== 'leader') this.#close()
    this.#context.inspect('role', { role, term, leader })
    this.#tellLeader(term, this.#options.nodes.nodeOf(leader))
  }

  #createLeader(host: RaftHost, machine: PartitionMachine): PartitionLeader {
    const { self, clock } = this.#context
    return new PartitionLeader({
      host,
      machine,
      storage: this.#options.storage,
      probe: this.#options.probe,
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
    this.event('partition.halted', { reason })
    this.#close()
    // What the others do without this replica is theirs; it leads nothing any more.
    this.#tellLeader(this.#shell.host?.term ?? 0, undefined)
    this.#options.events.settled(this.#options.group)
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
    this.#shell.close()
    leader?.close(this.#leaderAddress())
    const early = this.#early
    this.#early = []
    for (const message of early) this.#refuseEarly(message)
  }

  #leaderAddress(): LeaderAddress | undefined {
    const node = this.#shell.host?.leaderNode
    if (node === undefined || node === this.#options.node) return undefined
    const address = this.#options.addressOf(node)
    return address === undefined ? undefined : { node, address, term: this.#shell.host!.term }
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

  maintained(maintenance: ReplicaMaintenance): void {
    const leader = this.#leader
    if (leader?.ready !== true) return
    const monotonicMs = this.#context.clock.monotonicMs()
    maintenance.lead({
      monotonicMs,
      wallMs: this.#options.trustedWallMs(),
      sinceLeaderMs: monotonicMs - this.#leaderSinceMs,
      proposeLogStart: (logStart) => leader.proposeLogStart(logStart),
      transfer: (to) => {
        this.#leaderSinceMs = monotonicMs
        this.transfer(to)
      },
    })
  }

  retentionHeld(reason: string | undefined): void {
    this.#options.events.retentionHeld(this.#key, reason)
  }

  #wake(name: string, atMs: number, message: PartitionMessage): void {
    this.#context.setTimer(name, Math.max(0, atMs - this.#context.clock.monotonicMs()), message)
  }

  event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.events.event(name, { group: this.#key, ...fields })
  }

  #describe(): ReplicaDescription {
    return describeReplica({
      group: this.#options.group,
      node: this.#options.node,
      host: this.#shell.host,
      machine: this.#shell.machine,
      halted: this.#halted,
      heldBy: this.#shell.heldBy,
      nodes: this.#options.nodes,
    })
  }
}

function isServed(message: Running): message is ServedCommand {
  return message.type === 'write' || message.type === 'fetch' || message.type === 'offsets'
}
