// Runs the pure Raft core of one replica against the node: carries out its effects in contract
// order (persist before what depends on it, then sends, then apply) and turns completions back
// into inputs. It decides nothing about elections or commits (the core does) and knows nothing of
// what entries mean (the owner's `apply` does). Previous stop of a write: partition-actor.ts or
// metadata-actor.ts; next stops: storage/wal.ts and mesh/.
import { emptyChunks } from '@quorate/protocol'
import {
  type Configuration,
  configurationProblem,
  deadlineMs,
  inspectRaft,
  type Raft,
  type RaftEffect,
  type RaftInput,
  type RaftMessage,
  type ReplicaId,
  type Role,
  type SnapshotPoint,
  step,
} from '@quorate/raft'
import { EntryType, type GroupId, groupKey, type LogEntry } from '../storage/log-entry.ts'
import type { GroupLog } from '../storage/storage.ts'
import { type AppliedRead, ApplyFeed, type FeedOwner } from './apply-feed.ts'
import { EntryRun, firstDamage, heldBy } from './entry-run.ts'
import { GroupMembers } from './group-members.ts'
import { keepCondition } from './keep-condition.ts'
import { PeerFeed } from './peer-feed.ts'
import type { HostCompletion, RaftHostOptions, RaftHostOwner } from './raft-owner.ts'
import { appliedAtStart, holesOf, restoreRaft } from './restore-raft.ts'
import { SnapshotIntake } from './snapshot-intake.ts'

/** Applied entries the core keeps at most, for followers a little behind. */
const retainedEntries = 512
/** Entries let go of at once: fewer are not worth moving the rest. */
const releasedAtLeast = 64

export class RaftHost {
  readonly group: GroupId
  readonly replicaId: ReplicaId
  readonly log: GroupLog
  readonly #key: string
  readonly #raft: Raft<LogEntry>
  readonly #options: RaftHostOptions
  readonly #owner: RaftHostOwner
  #role: Role = 'follower'
  #term: number
  #leader: ReplicaId = 0
  readonly #holds: (entry: LogEntry) => boolean
  readonly #feed: ApplyFeed
  readonly #peers: PeerFeed
  readonly #intake: SnapshotIntake
  readonly #members: GroupMembers
  #released: number
  /** What the effects of this step ask to be given in within the same turn. */
  #due: (() => RaftInput<LogEntry> | undefined)[] = []
  #halted = false
  /** A step or an apply is under way: the owner may not ask for another one inside of it. */
  #busy = false
  #wakeMs = Number.POSITIVE_INFINITY

  /** Throws QUORATE_STORAGE_DAMAGED when the state before the retained log is gone. */
  constructor(options: RaftHostOptions, owner: RaftHostOwner) {
    const { recovered } = options
    this.#options = options
    this.#owner = owner
    this.group = recovered.group
    this.replicaId = recovered.replicaId
    this.log = recovered.log
    this.#key = groupKey(recovered.group)
    const applied = appliedAtStart(recovered)
    const commit = Math.max(applied, this.log.base.index)
    this.#holds = heldBy(this.log)
    this.#feed = this.#feedFrom(applied, commit)
    this.#members = new GroupMembers(this.log, options.nodes, recovered.configuration)
    const committed = () => this.#members.committed
    this.#peers = new PeerFeed(this.#key, options, committed, (input) =>
      owner.completeLater({ kind: 'input', input }),
    )
    this.#intake = new SnapshotIntake(options.nodes, (state, at) => owner.prepare(state, at))
    this.#released = this.log.base.index
    this.#term = recovered.hardState.term
    this.#raft = restoreRaft(options, commit)
  }

  #feedFrom(applied: number, commit: number): ApplyFeed {
    const owner: FeedOwner = {
      probe: this.#options.probe,
      apply: (entries) => this.#apply(entries),
      completeLater: (completion) => this.#owner.completeLater(completion),
      failed: (reason) => this.halt(reason),
    }
    return new ApplyFeed(this.#key, this.log, owner, applied, commit)
  }

  /** Applies what is known to be committed already, and arms the first timer. */
  start(): void {
    this.#feedOn(undefined)
    this.#arm()
  }

  get role(): Role {
    return this.#role
  }
  get term(): number {
    return this.#term
  }
  /** Replica id of the leader as far as this replica knows; 0 when unknown. */
  get leader(): ReplicaId {
    return this.#leader
  }
  get leaderNode(): string | undefined {
    return this.#leader === 0 ? undefined : this.#options.nodes.nodeOf(this.#leader)
  }
  get applied(): number {
    return this.#feed.applied
  }
  get commit(): number {
    return this.#feed.commit
  }
  get halted(): boolean {
    return this.#halted
  }

  inspect(): ReturnType<typeof inspectRaft> {
    return inspectRaft(this.#raft)
  }

  /** Leader only: entries of the current term that follow the log's end, to be proposed together. */
  draft(): EntryRun {
    const last = this.log.lastIndex
    const previous = this.log.pointAt(last)
    if (previous === undefined) throw new Error(`${this.#key}: no point at last index ${last}`)
    const appendTimeMs = Math.max(this.#options.clock.wallMs(), this.log.lastAppendTimeMs)
    return new EntryRun(previous, this.#term, appendTimeMs)
  }

  /** Leader only: replicates a run drafted in this turn. */
  propose(run: EntryRun): void {
    if (run.entries.length > 0) this.step({ type: 'propose', entries: run.entries })
  }

  /** `node`: where the sender lives. */
  receive(from: ReplicaId, node: string, message: RaftMessage<LogEntry>): void {
    this.#options.nodes.learn(from, node)
    if (message.type === 'append') {
      const reason = firstDamage(message.previous, message.entries, this.#holds)
      if (reason !== undefined) {
        this.#owner.damagedMessage(from, reason)
        return
      }
    }
    this.step({ type: 'message', from, message })
  }

  tick(): void {
    this.#wakeMs = Number.POSITIVE_INFINITY
    this.step({ type: 'tick' })
  }

  /** The control connection to a node is gone and it refused a new one. */
  connectionLost(node: string): void {
    if (this.#leader !== 0 && this.#options.nodes.nodeOf(this.#leader) === node) {
      this.step({ type: 'leader-connection-lost', leader: this.#leader })
    }
  }

  complete(completion: HostCompletion): void {
    if (this.#halted) return
    switch (completion.kind) {
      case 'input':
        if (this.#options.probe.provoke('replica.completion-later')) {
          this.#owner.completeLater(completion)
        } else this.step(completion.input)
        return
      case 'failed':
        this.halt(completion.error.message)
        return
      case 'apply':
        this.#feedOn(completion)
        return
    }
  }

  /**
   * Never to be called out of a call of the owner: a proposal made inside of `apply` would overtake
   * appends that are still to be sent. What a callback asks for belongs into a later message.
   */
  step(input: RaftInput<LogEntry>): void {
    if (this.#halted) return
    this.#enter()
    try {
      this.#run(input)
      for (let due = this.#due.shift(); due !== undefined; due = this.#due.shift()) {
        const follows = this.#halted ? undefined : due()
        if (follows !== undefined) this.#run(follows)
      }
    } finally {
      this.#busy = false
    }
    if (!this.#halted) this.#arm()
  }

  #enter(): void {
    if (this.#busy) throw new Error(`${this.#key}: a step inside of a step`)
    this.#busy = true
  }

  /** What was read from disk, and what else is committed. */
  #feedOn(read: AppliedRead | undefined): void {
    this.#enter()
    try {
      if (read === undefined) this.#feed.run()
      else this.#feed.read(read)
    } finally {
      this.#busy = false
    }
  }

  #run(input: RaftInput<LogEntry>): void {
    const effects = step(this.#raft, input, this.#options.clock.monotonicMs())
    for (const effect of effects) {
      this.#execute(effect)
      if (this.#halted) return
    }
  }

  #execute(effect: RaftEffect<LogEntry>): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect.to, effect.message)
        return
      case 'persist':
        this.#persist(effect)
        return
      case 'commit':
        this.#feed.committed(effect.index)
        return
      case 'role':
        this.#becomes(effect.role, effect.term, effect.leader)
        return
      case 'read-ready':
        this.#owner.readReady(effect.readId, effect.index)
        return
      case 'read-refused':
        this.#owner.readRefused(effect.readId)
        return
      case 'read-entries':
        this.#peers.entries(effect.to, effect.fromIndex, effect.bytesMax)
        return
      case 'read-snapshot':
        this.#peers.snapshot(effect.to, effect.offset, effect.bytesMax)
        return
      case 'snapshot-received':
        this.#snapshotReceived(effect.snapshot, effect.data)
        return
      case 'configuration':
        this.#configurationChanged(effect)
        return
      case 'propose-configuration':
        this.#due.push(() => this.#configurationEntry(effect.configuration))
        return
      case 'recovered':
      case 'tail-unknown':
      case 'dropped':
        keepCondition(effect, this.#key, this.#options.storage, this.#owner)
        return
      case 'halt':
        this.halt(`${effect.reason} at index ${effect.index}`)
        return
    }
  }

  /** Storage has found damage in the log, or it is repaired. */
  holesChanged(): void {
    this.step({ type: 'holes', ...holesOf(this.log) })
    if (!this.#halted) this.#feedOn(undefined)
  }

  /** These are readable again. */
  repaired(entries: readonly LogEntry[]): void {
    this.step({ type: 'repaired', entries })
    this.holesChanged()
  }

  #send(to: ReplicaId, message: RaftMessage<LogEntry>): void {
    const node = this.#options.nodes.nodeOf(to)
    if (node !== undefined) this.#options.send(node, this.group, this.replicaId, to, message)
  }

  #persist(effect: Extract<RaftEffect<LogEntry>, { type: 'persist' }>): void {
    const { id, hardState, truncateAfter, entries } = effect
    if (hardState !== undefined) this.#term = hardState.term
    const snapshot = effect.snapshot && this.#intake.install(effect.snapshot)
    this.#options.storage.persist(
      this.#key,
      {
        entries,
        ...(snapshot === undefined ? {} : { snapshot }),
        ...(hardState === undefined ? {} : { hardState }),
        ...(truncateAfter === undefined ? {} : { truncateAfter }),
      },
      (error) => {
        this.#owner.completeLater(
          error === undefined
            ? { kind: 'input', input: { type: 'stored', id } }
            : { kind: 'failed', error },
        )
      },
    )
    if (snapshot !== undefined) this.#installed(snapshot.mark.index)
  }

  /** The log is empty from there on, in memory already: so is what was read of the one before. */
  #installed(index: number): void {
    this.#feed.reset(index)
    this.#released = index
    this.#owner.installed(index)
  }

  #snapshotReceived(snapshot: SnapshotPoint, data: readonly Uint8Array[]): void {
    if (this.#intake.take(snapshot, data)) {
      this.#due.push(() => ({ type: 'install', snapshot }))
      this.#due.push(() => void this.#intake.forget())
    } else this.#owner.damagedMessage(this.#leader, `snapshot at ${snapshot.index}`)
  }

  #configurationChanged(effect: Extract<RaftEffect<LogEntry>, { type: 'configuration' }>): void {
    const { configuration, index, committed } = effect
    this.#members.changed(effect)
    // The log may get the entry only later in this step.
    this.#due.push(() => void this.#members.learn(index))
    this.#owner.configurationChanged(configuration, committed)
  }

  #termStart(): RaftInput<LogEntry> {
    return { type: 'propose', entries: [this.draft().add(EntryType.termStart, emptyChunks)] }
  }

  /** Undefined when it may not be proposed any more, e.g. since this replica leads no longer. */
  #configurationEntry(configuration: Configuration): RaftInput<LogEntry> | undefined {
    if (configurationProblem(this.#raft, configuration) !== undefined) return undefined
    const run = this.draft()
    this.#owner.proposed(this.#members.draft(run, configuration))
    return { type: 'propose', entries: run.entries }
  }

  /** Leader only: the next step of a membership change. False when it may not be taken now. */
  proposeConfiguration(configuration: Configuration): boolean {
    const input = this.#configurationEntry(configuration)
    if (input !== undefined) this.step(input)
    return input !== undefined
  }

  #becomes(role: Role, term: number, leader: ReplicaId): void {
    const startsLeading = role === 'leader' && (this.#role !== 'leader' || this.#term !== term)
    this.#role = role
    this.#term = term
    this.#leader = leader
    if (startsLeading) this.#due.push(() => this.#termStart())
    this.#owner.roleChanged(role, term, leader)
  }

  #apply(entries: readonly LogEntry[]): boolean {
    this.#owner.apply(entries)
    if (this.#halted) return false
    const { index } = entries.at(-1)!
    // After applying: only now is every segment end at or below this index known.
    this.log.commit(index)
    this.#release(Math.max(this.log.base.index, index - retainedEntries), releasedAtLeast)
    return true
  }

  /**
   * Lets go of entries that storage does not hold in memory either, and of an unused snapshot. Called now and then, since
   * storage evicts entries of a group in which nothing happens, too.
   */
  releaseEvicted(): void {
    if (!this.#halted) this.#release(this.log.base.index, 1)
    this.#peers.look()
  }

  #release(index: number, atLeast: number): void {
    if (index - this.#released < atLeast) return
    this.#released = index
    step(this.#raft, { type: 'release', index }, this.#options.clock.monotonicMs())
  }

  /** The replica stops here and stays visible; nothing is skipped. */
  halt(reason: string): void {
    if (this.#halted) return
    this.#halted = true
    this.#owner.halted(reason)
  }

  #arm(): void {
    const deadline = deadlineMs(this.#raft)
    // Only an earlier deadline moves the timer; a later one is found when it fires.
    if (deadline < this.#wakeMs) {
      this.#wakeMs = deadline
      this.#owner.wakeAt(deadline)
    }
  }
}
