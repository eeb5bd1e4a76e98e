// One replica between its mailbox and its Raft host, the same for partitions and for the metadata
// group: reads its state back from storage, carries completions and time to the host, applied
// entries to the machine, and sees to checkpoints and segments. What entries mean, who is served and
// what a leader does is its owner's. Owners: partition-actor.ts, metadata-actor.ts; next stop:
// raft-host.ts.
import type { Clock, Random } from '@quorate/actors'
import { QuorateError } from '@quorate/protocol'
import type { Configuration, LogPoint, ReplicaId, Role } from '@quorate/raft'
import { limits } from '../limits.ts'
import type { DesiredConfiguration, ReplicasNow } from '../metadata/places.ts'
import { MachineDisagreement } from '../partition/disagreement.ts'
import { MembershipDriver } from '../partition/membership-driver.ts'
import {
  type AppliedFiles,
  type MaintainedMachine,
  type MaintenanceOptions,
  ReplicaMaintenance,
} from '../partition/replica-maintenance.ts'
import { sameChain } from '../storage/chain.ts'
import type { GroupId, GroupKey, LogEntry } from '../storage/log-entry.ts'
import type { RecoveredGroup } from '../storage/storage.ts'
import type { ApplyHistory } from './apply-history.ts'
import { type GroupHealth, groupHealth } from './group-health.ts'
import { LostParts } from './lost-parts.ts'
import { RaftHost } from './raft-host.ts'
import {
  type HostCompletion,
  type RaftHostOptions,
  type RaftHostOwner,
  replicaSession,
} from './raft-owner.ts'
import type { FetchEntries } from './repair-driver.ts'
import type { RecoveredMessage, ReplicaMessage } from './replica-message.ts'
import type { FetchState } from './state-fetch.ts'

export interface ShellOptions
  extends Omit<RaftHostOptions, 'recovered' | 'clock' | 'draw' | 'session'> {
  /** Boot session of the process. */
  readonly session: number
  /** Survives restarts of the actor. */
  readonly history: ApplyHistory
  /** Asks a node for entries of this node's groups. */
  readonly fetchEntries: FetchEntries
  /** Asks a node for the state of one of this node's groups. */
  readonly fetchState: FetchState
  /** Is this replica gone for good, with the disk it was on? `node`: where it was. */
  readonly isGone: IsGone
}

export type IsGone = (group: GroupId, replica: ReplicaId, node: string) => boolean

/** What a shell uses of its actor's context. */
export interface ShellContext {
  readonly self: { reply(message: ReplicaMessage | RecoveredMessage): boolean }
  readonly incarnation: number
  readonly clock: Clock
  readonly random: Random
  setTimer(name: string, delayMs: number, message: ReplicaMessage): void
}

export interface ShellOwner<Machine>
  extends Pick<RaftHostOwner, 'proposed' | 'roleChanged' | 'readReady' | 'readRefused' | 'halted'> {
  readonly rule: MaintenanceOptions['rule']
  readonly checkpointEntries: number
  /** The state before the first entry, or that of a checkpoint; may throw a QuorateError. */
  machineOf(checkpoint: Uint8Array | undefined): Machine
  /** The machine is this one from now on; nothing was applied to it yet. */
  restored?(machine: Machine): void
  /** The replica runs: what is committed and in memory was applied. */
  begun(host: RaftHost): void
  /** Throws MachineDisagreement when this replica must not go on. */
  applyEntry(machine: Machine, entry: LogEntry): AppliedFiles
  /** A run of entries was applied. */
  applied(entries: readonly LogEntry[]): void
  /** Time for a leader to look after its group. */
  maintained(maintenance: ReplicaMaintenance): void
  preferred(): ReplicaId | undefined
  /** It leads, and an entry of its own term was applied. */
  readonly leading: boolean
  desired(): DesiredConfiguration | undefined
  transfer(to: ReplicaId): void
  /** See MembershipDriver. */
  changed(now: ReplicasNow, done: () => void): void
  retentionHeld(reason: string | undefined): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

export class ReplicaShell<Machine extends MaintainedMachine> implements RaftHostOwner {
  readonly #key: GroupKey
  readonly #options: ShellOptions
  readonly #owner: ShellOwner<Machine>
  readonly #context: ShellContext
  /** Present together with `#machine` and `#maintenance`, once the log was read back. */
  #host: RaftHost | undefined
  #machine: Machine | undefined
  #maintenance: ReplicaMaintenance | undefined
  /** In the state of a snapshot that is not installed yet. */
  #prepared: Machine | undefined
  #lost: LostParts | undefined
  #waitsFor = ''
  /** Of this leadership. */
  #members: MembershipDriver | undefined

  constructor(
    key: GroupKey,
    options: ShellOptions,
    owner: ShellOwner<Machine>,
    context: ShellContext,
  ) {
    this.#key = key
    this.#options = options
    this.#owner = owner
    this.#context = context
  }

  /** Undefined until the log was read back. */
  get host(): RaftHost | undefined {
    return this.#host
  }
  /** Undefined until the log was read back. */
  get machine(): Machine | undefined {
    return this.#machine
  }
  /** The state before its log is lost here, and comes from another replica. */
  get waitsForState(): boolean {
    return this.#host === undefined && this.#lost !== undefined
  }
  /** Why retention waits; undefined when it does not. */
  get heldBy(): string | undefined {
    return this.#maintenance?.heldBy
  }

  /** How the group stands, while this replica leads it. */
  health(): GroupHealth | undefined {
    if (this.#host === undefined) return undefined
    const { nodes, timing } = this.#options
    const nowMs = this.#context.clock.monotonicMs()
    const nodeOf = (replica: ReplicaId) => nodes.nodeOf(replica)
    return groupHealth(this.#host.inspect(), nodeOf, nowMs, timing.electionTimeoutMaxMs)
  }

  /** Asks storage for the state this replica goes on from. */
  recover(): void {
    const { history, storage } = this.#options
    const reason = history.haltReason()
    if (reason !== undefined) {
      this.halted(reason)
      return
    }
    const { self, incarnation } = this.#context
    storage.recover(this.#key, (error, recovered) => {
      self.reply({ type: 'recovered', incarnation, error, recovered })
    })
  }

  recovered({ incarnation, error, recovered }: RecoveredMessage): void {
    if (incarnation !== this.#context.incarnation) return
    if (recovered !== undefined) this.#begin(recovered)
    else this.halted(error?.message ?? 'the replica has no files')
  }

  #begin(recovered: RecoveredGroup): void {
    const { clock, random, incarnation } = this.#context
    const { checkpoint, log } = recovered
    const lost = this.#lostParts(recovered)
    if (checkpoint === undefined && log.start.index > 0) {
      this.#lost = lost
      lost.awaitState(() => this.recover())
      return
    }
    try {
      this.#machine = this.#owner.machineOf(checkpoint?.state)
      this.#host = new RaftHost(
        {
          ...this.#options,
          recovered,
          session: replicaSession(this.#options.session, incarnation),
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
    this.#owner.restored?.(this.#machine)
    this.#maintenance.dropRetired()
    const host = this.#host
    host.start()
    this.#lost = lost
    lost.begin(host)
    this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
    this.#owner.begun(host)
  }

  #lostParts(recovered: RecoveredGroup): LostParts {
    const { self, incarnation } = this.#context
    return new LostParts({
      ...this.#options,
      key: this.#key,
      recovered,
      accepts: (state, point) => this.#machineAt(state, point) !== undefined,
      retired: (index) => this.#maintenance?.retiredElsewhere(index),
      inTurn: (run) => self.reply({ type: 'repair', incarnation, run }),
      runAfter: (name, delayMs, run) =>
        this.#context.setTimer(name, delayMs, { type: 'repair', incarnation, run }),
      event: (name, fields) => this.#owner.event(name, fields),
    })
  }

  #maintenanceOf(host: RaftHost, machine: Machine, checkpointIndex: number): ReplicaMaintenance {
    const { self, incarnation } = this.#context
    const { storage, nodes, timing, probe } = this.#options
    const owner = this.#owner
    return new ReplicaMaintenance({
      key: this.#key,
      storage,
      probe,
      rule: owner.rule,
      nodes,
      preferred: () => owner.preferred(),
      silenceMs: timing.electionTimeoutMinMs,
      checkpointEntries: owner.checkpointEntries,
      host,
      machine,
      checkpointIndex,
      saved: (index, error) => self.reply({ type: 'checkpoint-saved', incarnation, index, error }),
      inTurn: (run) => self.reply({ type: 'repair', incarnation, run }),
      event: (name, fields) => owner.event(name, fields),
      retentionHeld: (reason) => owner.retentionHeld(reason),
    })
  }

  /** What comes before the log was read back is lost: peers and timers come again. */
  receive(message: ReplicaMessage): void {
    if (message.type === 'repair') {
      if (message.incarnation === this.#context.incarnation) message.run()
      return
    }
    const host = this.#host
    const maintenance = this.#maintenance
    if (host === undefined || maintenance === undefined) {
      if (message.type === 'checkpoint') message.respond()
      return
    }
    switch (message.type) {
      case 'raft':
        host.receive(message.from, message.node, message.message)
        return
      case 'completion':
        if (message.incarnation !== this.#context.incarnation) return
        host.complete(message.completion)
        maintenance.stored()
        return
      case 'checkpoint-saved':
        if (message.incarnation !== this.#context.incarnation) return
        maintenance.checkpointSaved(message.index, message.error)
        return
      case 'checkpoint':
        maintenance.checkpointNow(message.respond)
        return
      case 'tick':
        // After a pause of the process answers wait beside the timer: they are heard first.
        this.#context.self.reply({ type: 'tick-due' })
        return
      case 'tick-due':
        host.tick()
        return
      case 'maintain':
        this.#context.setTimer('maintain', limits.maintainIntervalMs, { type: 'maintain' })
        maintenance.look()
        this.#lookAtHoles(host)
        this.#owner.maintained(maintenance)
        if (this.#owner.leading && this.#options.probe.provoke('replica.transfer-unasked')) {
          this.#owner.transfer(0)
        }
        this.#lookAtMembers()
        return
      case 'members':
        this.#lookAtHoles(host)
        this.#lookAtMembers()
        return
      case 'holes':
        host.holesChanged()
        this.#lost?.look()
        return
      case 'connection-lost':
        host.connectionLost(message.node)
        return
    }
  }

  /** Says who is waited for when nobody may lead and nothing can be decided about a hole. */
  #lookAtHoles(host: RaftHost): void {
    if (host.log.cleanThrough === Infinity) return
    this.#passOverGone(host)
    const { waitsFor } = host.inspect()
    const names = waitsFor.map((replica) => this.#options.nodes.nodeOf(replica) ?? `${replica}`)
    if (names.join() === this.#waitsFor) return
    this.#waitsFor = names.join()
    if (names.length === 0) return
    const index = host.log.cleanThrough + 1
    this.#owner.event('replica.waits-for', { nodes: names, index })
  }

  /** Whoever is gone for good is waited for no longer. */
  #passOverGone(host: RaftHost): void {
    const { nodes, isGone } = this.#options
    const gone = host.inspect().waitsFor.filter((replica) => {
      const node = nodes.nodeOf(replica)
      return node !== undefined && isGone(host.group, replica, node)
    })
    if (gone.length === 0) return
    const names = gone.map((replica) => nodes.nodeOf(replica)!)
    this.#owner.event('replica.passes-over', { nodes: names, replicas: gone })
    host.step({ type: 'lost', replicas: gone })
  }

  #lookAtMembers(): void {
    if (!this.#owner.leading) return
    this.#members ??= this.#driver(this.#host!)
    if (!this.#members.look()) return
    this.#context.setTimer('members', limits.membershipIntervalMs, { type: 'members' })
  }

  #driver(host: RaftHost): MembershipDriver {
    const owner = this.#owner
    return new MembershipDriver({
      host,
      nodes: this.#options.nodes,
      clock: this.#context.clock,
      probe: this.#options.probe,
      silenceMs: this.#options.timing.electionTimeoutMinMs,
      desired: () => owner.desired(),
      transfer: (to) => owner.transfer(to),
      changed: (now, done) => owner.changed(now, done),
      event: (name, fields) => owner.event(name, fields),
    })
  }

  // ── RaftHostOwner ──────────────────────────────────────────────────────────────────────────

  prepare(state: Uint8Array, at: LogPoint): boolean {
    this.#prepared = this.#machineAt(state, at)
    return this.#prepared !== undefined
  }

  /** Undefined when this is not the state of the log there. */
  #machineAt(state: Uint8Array, at: LogPoint): Machine | undefined {
    try {
      const machine = this.#owner.machineOf(state)
      const { index, chain } = machine.applied
      return index === at.index && sameChain(chain, at.chain) ? machine : undefined
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      return undefined
    }
  }

  installed(index: number): void {
    const machine = this.#prepared!
    this.#prepared = undefined
    this.#machine = machine
    this.#maintenance!.restored(machine, index)
    this.#owner.event('snapshot.installed', { index })
    this.#owner.restored?.(machine)
  }

  configurationChanged(configuration: Configuration, committed: boolean): void {
    const { voters, outgoing, learners } = configuration
    this.#owner.event('raft.configuration', { voters, outgoing, learners, committed })
    // In a message of its own: it is the time for the next step.
    if (committed) this.#context.self.reply({ type: 'members' })
  }

  event(name: string, fields: Readonly<Record<string, unknown>>): void {
    this.#owner.event(name, fields)
  }

  proposed(entry: LogEntry): void {
    this.#owner.proposed(entry)
  }

  apply(entries: readonly LogEntry[]): void {
    const { history } = this.#options
    for (const entry of entries) {
      history.applying(entry.index)
      if (!this.#applyOne(entry)) return
    }
    history.applied()
    this.#maintenance!.runApplied()
    this.#owner.applied(entries)
    // A leader that has just begun goes on with what the one before has left.
    const isNew = this.#members === undefined && this.#owner.leading
    if (isNew) this.#context.self.reply({ type: 'members' })
  }

  /** False when this replica disagrees with what its leader decided and has halted. */
  #applyOne(entry: LogEntry): boolean {
    try {
      this.#maintenance!.applied(this.#owner.applyEntry(this.#machine!, entry))
      return true
    } catch (error) {
      if (!(error instanceof MachineDisagreement)) throw error
      this.#host!.halt(error.message)
      return false
    }
  }

  roleChanged(role: Role, term: number, leader: ReplicaId): void {
    if (role !== 'leader') {
      this.#members = undefined
      this.#maintenance?.release()
    }
    this.#owner.roleChanged(role, term, leader)
  }

  readReady(readId: number, index: number): void {
    this.#owner.readReady(readId, index)
  }

  readRefused(readId: number): void {
    this.#owner.readRefused(readId)
  }

  halted(reason: string): void {
    this.#maintenance?.release()
    this.#owner.halted(reason)
  }

  completeLater(completion: HostCompletion): void {
    const { self, incarnation } = this.#context
    self.reply({ type: 'completion', incarnation, completion })
  }

  wakeAt(monotonicMs: number): void {
    const delayMs = Math.max(0, monotonicMs - this.#context.clock.monotonicMs())
    this.#context.setTimer('tick', delayMs, { type: 'tick' })
  }

  damagedMessage(from: ReplicaId, reason: string): void {
    this.#owner.event('replication.damaged-message', { from, reason })
  }

  /** The actor ends: nobody is held by what this replica knew. */
  close(): void {
    this.#maintenance?.release()
  }
}
