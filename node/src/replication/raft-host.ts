// Runs the pure Raft core of one replica against the node: carries out its effects in contract
// order (persist before what depends on it, then sends, then apply) and turns completions back
// into inputs. It decides nothing about elections or commits (the core does) and knows nothing of
// what entries mean (the owner's `apply` does). Previous stop of a write: partition-actor.ts or
// metadata-actor.ts; next stops: storage/wal.ts and mesh/.

import type { Clock } from '@quorate/actors'
import { emptyChunks } from '@quorate/protocol'
import {
  createRaft,
  type Draw,
  deadlineMs,
  defaultRaftOptions,
  inspectRaft,
  type LogPoint,
  type Raft,
  type RaftEffect,
  type RaftInput,
  type RaftMessage,
  type ReplicaId,
  type Role,
  step,
} from '@quorate/raft'
import { sameChain } from '../storage/chain.ts'
import { EntryType, type GroupId, groupKey, type LogEntry } from '../storage/log-entry.ts'
import type { GroupLog, RecoveredGroup, Storage } from '../storage/storage.ts'
import { EntryRun, firstDamage } from './entry-run.ts'

/** What comes back to the owner's mailbox later; the owner hands it to `complete`. */
export type HostCompletion =
  | { readonly kind: 'stored'; readonly id: number }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'apply'; readonly entries: readonly LogEntry[] }
  | {
      readonly kind: 'catch-up'
      readonly to: ReplicaId
      readonly previous: LogPoint
      readonly entries: readonly LogEntry[]
    }

export interface RaftHostOwner {
  /** Committed entries in index order; each index once in the life of this host. */
  apply(entries: readonly LogEntry[]): void
  roleChanged(role: Role, term: number, leader: ReplicaId): void
  readReady(readId: number, index: number): void
  readRefused(readId: number): void
  /** The replica must not go on: its log or its disk cannot be trusted. */
  halted(reason: string): void
  /** Delivers the completion to the owner's own mailbox, past its capacity. */
  completeLater(completion: HostCompletion): void
  /** `deadlineMs` of the core moved: call `tick` at that monotonic time. */
  wakeAt(monotonicMs: number): void
  /** A message that is not what its sender wrote; dropped. */
  damagedMessage(from: ReplicaId, reason: string): void
}

export interface RaftHostOptions {
  readonly recovered: RecoveredGroup
  /** Node of each replica of the group, this one included. */
  readonly nodes: ReadonlyMap<ReplicaId, string>
  readonly session: number
  readonly storage: Storage
  readonly clock: Clock
  readonly draw: Draw
  readonly timing: RaftTiming
  send(
    toNode: string,
    group: GroupId,
    from: ReplicaId,
    to: ReplicaId,
    message: RaftMessage<LogEntry>,
  ): void
}

export interface RaftTiming {
  /** Default 100. */
  readonly heartbeatMs: number
  /** Default 600. */
  readonly electionTimeoutMinMs: number
  /** Default 900. */
  readonly electionTimeoutMaxMs: number
}

/** Entries the core keeps in memory after they are applied, for followers a little behind. */
const retainedEntries = 512
const nothingHeld = () => false
const applyBytesMax = 4 * 1024 * 1024

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
  /** Invariant: #applied ≤ #commit ≤ log.lastIndex. */
  #applied: number
  #commit: number
  #released = 0
  #reading = false
  #termStartDue = false
  #halted = false
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(options: RaftHostOptions, owner: RaftHostOwner) {
    const { recovered } = options
    this.#options = options
    this.#owner = owner
    this.group = recovered.group
    this.replicaId = recovered.replicaId
    this.log = recovered.log
    this.#key = groupKey(recovered.group)
    // Without a checkpoint the machine is as empty as the log was at its start, however much of it is
    // on disk only: what is known to be committed is applied again from there.
    this.#applied = recovered.checkpoint?.index ?? this.log.start.index
    const base = this.log.base
    const entries = this.log.entriesFrom(base.index + 1)
    this.#commit = Math.max(this.#applied, base.index)
    this.#term = recovered.hardState.term
    this.#raft = createRaft<LogEntry>(
      {
        ...defaultRaftOptions,
        ...options.timing,
        id: recovered.replicaId,
        configuration: recovered.configuration,
        session: options.session,
      },
      { hardState: recovered.hardState, base, entries, commit: this.#commit },
      options.clock.monotonicMs(),
      options.draw,
    )
  }

  /** Applies what is known to be committed already, and arms the first timer. */
  start(): void {
    this.#applyCommitted()
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
    return this.#leader === 0 ? undefined : this.#options.nodes.get(this.#leader)
  }
  get applied(): number {
    return this.#applied
  }
  get commit(): number {
    return this.#commit
  }
  /** Highest index this replica's own disk holds. No checkpoint passes it. */
  get stored(): number {
    return this.log.durableIndex
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

  receive(from: ReplicaId, message: RaftMessage<LogEntry>): void {
    if (message.type === 'append') {
      const reason = firstDamage(message.previous, message.entries, this.#holds)
      if (reason !== undefined) {
        this.#owner.damagedMessage(from, reason)
        return
      }
    }
    this.step({ type: 'message', from, message })
  }

  readonly #holds = (entry: LogEntry): boolean => {
    if (entry.index > this.log.lastIndex) return false
    const point = this.log.pointAt(entry.index)
    return point?.term === entry.term && sameChain(point.chain, entry.chain)
  }

  tick(): void {
    this.#wakeMs = Number.POSITIVE_INFINITY
    this.step({ type: 'tick' })
  }

  /** The control connection to a node is gone and it refused a new one. */
  connectionLost(node: string): void {
    if (this.#leader !== 0 && this.#options.nodes.get(this.#leader) === node) {
      this.step({ type: 'leader-connection-lost', leader: this.#leader })
    }
  }

  complete(completion: HostCompletion): void {
    if (this.#halted) return
    switch (completion.kind) {
      case 'stored':
        this.step({ type: 'stored', id: completion.id })
        this.#applyCommitted()
        return
      case 'failed':
        this.halt(completion.error.message)
        return
      case 'apply':
        this.#reading = false
        this.#apply(completion.entries)
        this.#applyCommitted()
        return
      case 'catch-up': {
        const { to, previous, entries } = completion
        this.step({ type: 'entries-read', to, previous, entries })
        return
      }
    }
  }

  step(input: RaftInput<LogEntry>): void {
    if (this.#halted) return
    const effects = step(this.#raft, input, this.#options.clock.monotonicMs())
    for (const effect of effects) {
      this.#execute(effect)
      if (this.#halted) return
    }
    if (this.#termStartDue) {
      this.#termStartDue = false
      const run = this.draft()
      run.add({ type: EntryType.termStart, payload: emptyChunks })
      this.propose(run)
    }
    this.#arm()
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
        this.#commit = effect.index
        this.#applyCommitted()
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
        this.#readForPeer(effect.to, effect.fromIndex, effect.bytesMax)
        return
      case 'halt':
        this.halt(`${effect.reason} at index ${effect.index}`)
        return
    }
  }

  #send(to: ReplicaId, message: RaftMessage<LogEntry>): void {
    const node = this.#options.nodes.get(to)
    if (node !== undefined) this.#options.send(node, this.group, this.replicaId, to, message)
  }

  #persist(effect: Extract<RaftEffect<LogEntry>, { type: 'persist' }>): void {
    const { id, hardState, truncateAfter, entries } = effect
    if (hardState !== undefined) this.#term = hardState.term
    this.#options.storage.persist(
      this.#key,
      {
        entries,
        ...(hardState === undefined ? {} : { hardState }),
        ...(truncateAfter === undefined ? {} : { truncateAfter }),
      },
      (error) => {
        this.#owner.completeLater(
          error === undefined ? { kind: 'stored', id } : { kind: 'failed', error },
        )
      },
    )
  }

  #becomes(role: Role, term: number, leader: ReplicaId): void {
    const startsLeading = role === 'leader' && (this.#role !== 'leader' || this.#term !== term)
    this.#role = role
    this.#term = term
    this.#leader = leader
    if (startsLeading) this.#termStartDue = true
    this.#owner.roleChanged(role, term, leader)
  }

  /** Hands committed entries to the owner; from memory in this turn, from disk in a later one. */
  #applyCommitted(): void {
    while (!this.#reading && !this.#halted && this.#applied < this.#commit) {
      this.#reading = true
      let inline = true
      let ready: readonly LogEntry[] | undefined
      this.log.read(
        { index: this.#applied + 1 },
        { index: this.#commit, bytes: applyBytesMax },
        (error, _previous, entries) => {
          if (error !== undefined) this.#owner.completeLater({ kind: 'failed', error })
          else if (inline) ready = entries
          else this.#owner.completeLater({ kind: 'apply', entries })
        },
      )
      inline = false
      if (ready === undefined) return
      this.#reading = false
      this.#apply(ready)
    }
  }

  #apply(entries: readonly LogEntry[]): void {
    const first = entries[0]
    const last = entries.at(-1)
    if (first === undefined || last === undefined) {
      throw new Error(`${this.#key}: nothing read above applied index ${this.#applied}`)
    }
    if (first.index !== this.#applied + 1 || last.index > this.#commit) {
      throw new Error(
        `${this.#key}: read ${first.index}..${last.index}, applied ${this.#applied}, commit ${this.#commit}`,
      )
    }
    this.#applied = last.index
    this.#owner.apply(entries)
    // After applying: only now is every segment end at or below this index known.
    if (!this.#halted) this.log.commit(this.#applied)
    if (this.#applied - this.#released > 2 * retainedEntries) {
      this.#released = this.#applied - retainedEntries
      step(
        this.#raft,
        { type: 'release', index: this.#released },
        this.#options.clock.monotonicMs(),
      )
    }
  }

  #readForPeer(to: ReplicaId, fromIndex: number, bytesMax: number): void {
    this.log.read(
      { index: fromIndex },
      { index: this.log.lastIndex, bytes: bytesMax },
      (error, previous, entries) => {
        // A read error or damage ends here: never send what could not be read (duty 8).
        if (error !== undefined || firstDamage(previous, entries, nothingHeld) !== undefined) return
        this.#owner.completeLater({ kind: 'catch-up', to, previous, entries })
      },
    )
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
