// A whole group in memory, in virtual time: replicas, their disks and the links between them, with
// verbs for everything that can go wrong. It is the smallest host that keeps all the duties of
// README.md. Time passes only in `run` and `runUntil`; without them the test itself delivers packets
// and finishes writes one by one. The checker watches every step.
import { defaultRaftOptions, type RaftTuning } from '../options.ts'
import { createRaft, type Raft } from '../raft.ts'
import { deadlineMs, step } from '../step.ts'
import type { Draw, LogPoint, RaftEffect, RaftInput, RaftOptions, ReplicaId } from '../types.ts'
import { type CheckedReplica, ClusterChecker } from './checker.ts'
import { TestDisk } from './disk.ts'
import { makeEntry, type TestEntry } from './entry.ts'
import { type NetworkConditions, type Packet, type Range, TestNetwork } from './network.ts'
import { keyedDraw } from './random.ts'

export interface ClusterOptions {
  readonly replicas: number
  readonly seed?: number
  readonly raft?: Partial<RaftTuning>
  readonly network?: Partial<NetworkConditions>
  /** Time a write takes. */
  readonly storeMs?: Range
  /** State of a disk before the first start. */
  readonly disk?: (id: ReplicaId) => TestDisk
}

export interface TestReplica extends CheckedReplica {
  raft: Raft<TestEntry>
  disk: TestDisk
  isAlive: boolean
  /** Writes do not finish while this is set. */
  isDiskStalled: boolean
  starts: number
}

export interface ReadOutcome {
  readonly readId: number
  /** -1 when refused. */
  readonly index: number
}

/** Something to do later, other than delivering packets and finishing writes. */
interface Errand {
  readonly dueMs: number
  readonly run: () => void
}

export class RaftCluster {
  nowMs = 0
  readonly ids: readonly ReplicaId[]
  readonly network: TestNetwork
  readonly checker: ClusterChecker
  readonly reads: ReadOutcome[] = []
  storeMs: Range
  /** Called after each step, before its effects are carried out. */
  onStep: (
    id: ReplicaId,
    input: RaftInput<TestEntry>,
    effects: readonly RaftEffect<TestEntry>[],
  ) => void = () => {}
  /** Does a new leader propose the entry of its own that the host owes? */
  proposesTermStart = true
  /** Answers read-entries; replaced in tests of slow or failing reads. */
  answersReads = true
  private readonly replicas = new Map<ReplicaId, TestReplica>()
  private readonly errands: Errand[] = []
  private readonly tuning: RaftTuning
  private readonly seed: number
  private readonly draw: Draw
  private nextReadId = 1

  constructor(options: ClusterOptions) {
    this.seed = options.seed ?? 1
    this.tuning = { ...defaultRaftOptions, ...options.raft }
    this.draw = keyedDraw(this.seed)
    this.storeMs = options.storeMs ?? { min: 1, max: 1 }
    this.ids = Array.from({ length: options.replicas }, (_, place) => place + 1)
    this.checker = new ClusterChecker(options.replicas, () => this.replicas.values())
    const still = { latencyMs: { min: 1, max: 1 }, dropPercent: 0, duplicatePercent: 0 }
    this.network = new TestNetwork({ ...still, ...options.network }, keyedDraw(this.seed + 1))
    for (const id of this.ids) {
      const disk = options.disk?.(id) ?? new TestDisk()
      const raft = this.boot(id, disk, 1)
      const committed = disk.checkpoint
      const replica = { id, raft, disk, committed, isAlive: true, isDiskStalled: false, starts: 1 }
      this.replicas.set(id, replica)
    }
  }

  replica(id: ReplicaId): TestReplica {
    const found = this.replicas.get(id)
    if (found === undefined) throw new Error(`no replica ${id}`)
    return found
  }

  raft(id: ReplicaId): Raft<TestEntry> {
    return this.replica(id).raft
  }

  /** Live leader of the highest term, 0 when there is none. */
  leader(): ReplicaId {
    let best: TestReplica | undefined
    for (const replica of this.replicas.values()) {
      if (!replica.isAlive || replica.raft.role !== 'leader') continue
      if (best === undefined || replica.raft.term > best.raft.term) best = replica
    }
    return best?.id ?? 0
  }

  /** One step of one replica, and everything the host has to do about it. */
  input(id: ReplicaId, input: RaftInput<TestEntry>): readonly RaftEffect<TestEntry>[] {
    const replica = this.replica(id)
    if (!replica.isAlive) return []
    this.checker.beforeStep(replica, input)
    const effects = step(replica.raft, input, this.nowMs)
    this.onStep(id, input, effects)
    this.checker.afterStep(replica, input, effects)
    for (const effect of effects) this.perform(replica, effect)
    return effects
  }

  // Verbs of a client.

  /** False when the replica is not leader: a host refuses such proposals itself. */
  propose(id: ReplicaId, ...values: string[]): boolean {
    const { raft, isAlive } = this.replica(id)
    if (!isAlive || raft.role !== 'leader') return false
    let previous = raft.log.pointAt(raft.log.lastIndex) as LogPoint
    const entries = values.map((value) => {
      const entry = makeEntry(previous, raft.term, value)
      previous = entry
      return entry
    })
    this.input(id, { type: 'propose', entries })
    return true
  }

  /** Id of the read; its outcome appears in `reads`. */
  read(id: ReplicaId): number {
    const readId = this.nextReadId++
    this.input(id, { type: 'read', readId })
    return readId
  }

  // Verbs of an operator.

  transfer(id: ReplicaId, to: ReplicaId): void {
    this.input(id, { type: 'transfer', to })
  }

  release(id: ReplicaId, index: number): void {
    const replica = this.replica(id)
    this.input(id, { type: 'release', index })
    if (replica.isAlive) replica.disk.checkpoint = replica.raft.log.base.index
  }

  // Verbs of fate.

  connectionLost(id: ReplicaId, leader: ReplicaId): void {
    this.input(id, { type: 'leader-connection-lost', leader })
  }

  crash(id: ReplicaId, keptWrites = 0): void {
    const replica = this.replica(id)
    if (!replica.isAlive) return
    replica.isAlive = false
    replica.disk.crash(keptWrites)
  }

  restart(id: ReplicaId): void {
    const replica = this.replica(id)
    if (replica.isAlive) return
    replica.starts++
    replica.raft = this.boot(id, replica.disk, replica.starts)
    replica.committed = replica.disk.checkpoint
    replica.isAlive = true
  }

  cut(one: ReplicaId, other: ReplicaId): void {
    this.network.cutOneWay(one, other)
    this.network.cutOneWay(other, one)
  }

  mend(one: ReplicaId, other: ReplicaId): void {
    this.network.mendOneWay(one, other)
    this.network.mendOneWay(other, one)
  }

  isolate(id: ReplicaId): void {
    for (const other of this.ids) if (other !== id) this.cut(id, other)
  }

  /** Leaves the links of these groups among themselves, cuts all others. */
  partition(...groups: readonly (readonly ReplicaId[])[]): void {
    for (const one of this.ids) {
      for (const other of this.ids) {
        const together = groups.some((group) => group.includes(one) && group.includes(other))
        if (one !== other && !together) this.network.cutOneWay(one, other)
      }
    }
  }

  heal(): void {
    this.network.mendAll()
  }

  // Time.

  run(forMs: number): void {
    this.runUntil(() => false, forMs)
  }

  /** Runs until the condition holds, at most for this long. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const endMs = this.nowMs + limitMs
    while (!condition()) {
      if (!this.runNext(endMs)) {
        this.nowMs = endMs
        return condition()
      }
    }
    return true
  }

  /** Lets a leader come to be, and its own-term entry be committed everywhere alive. */
  settle(limitMs = 10_000): ReplicaId {
    const isSettled = () => {
      const leader = this.leader()
      if (leader === 0) return false
      const { lastIndex, commit } = this.raft(leader).log
      return (
        commit === lastIndex &&
        this.live().every(({ raft }) => raft.leader === leader && raft.log.commit === commit)
      )
    }
    if (!this.runUntil(isSettled, limitMs)) throw new Error(`not settled after ${limitMs} ms`)
    return this.leader()
  }

  /** Makes this replica leader, where no leader is alive: its election timer runs out first. */
  elect(id: ReplicaId): void {
    // Contact with a leader of the past expires everywhere.
    if (this.live().some(({ raft }) => raft.leader !== 0)) {
      this.nowMs += this.tuning.electionTimeoutMinMs
    }
    for (const { raft } of this.live()) {
      raft.electionDeadlineMs = this.nowMs + this.tuning.electionTimeoutMaxMs
    }
    this.raft(id).electionDeadlineMs = this.nowMs
    this.input(id, { type: 'tick' })
    if (!this.runUntil(() => this.leader() === id, 500)) throw new Error(`${id} was not elected`)
  }

  live(): TestReplica[] {
    return [...this.replicas.values()].filter(({ isAlive }) => isAlive)
  }

  /** Delivers one packet now. */
  deliver(packet: Packet): void {
    const { from, to, message } = packet
    this.network.take(packet)
    this.input(to, { type: 'message', from, message })
  }

  /** Finishes the oldest write of a replica now. */
  store(id: ReplicaId): void {
    const { disk, isAlive } = this.replica(id)
    if (isAlive && disk.pending.length > 0) {
      this.input(id, { type: 'stored', id: disk.finishOldest() })
    }
  }

  /** Runs something at a later time. */
  later(afterMs: number, run: () => void): void {
    this.errands.push({ dueMs: this.nowMs + afterMs, run })
  }

  /** Does the oldest thing the host has put off, now. False when there is none. */
  runErrand(): boolean {
    const errand = this.errands.shift()
    errand?.run()
    return errand !== undefined
  }

  private boot(id: ReplicaId, disk: TestDisk, starts: number): Raft<TestEntry> {
    const configuration = { voters: this.ids }
    const session = id * 1000 + starts
    const options: RaftOptions = { ...this.tuning, id, configuration, session }
    const draw = keyedDraw(this.seed * 31 + session)
    return createRaft(options, disk.restore(), this.nowMs, draw)
  }

  private perform(replica: TestReplica, effect: RaftEffect<TestEntry>): void {
    const { id, disk } = replica
    switch (effect.type) {
      case 'send':
        this.network.send(id, effect.to, effect.message, this.nowMs)
        break
      case 'persist':
        disk.write(effect, this.nowMs + this.drawn('store', this.storeMs))
        break
      case 'role':
        if (effect.role === 'leader' && this.proposesTermStart) {
          this.propose(id, `term ${effect.term}`)
        }
        break
      case 'read-ready':
        this.reads.push({ readId: effect.readId, index: effect.index })
        break
      case 'read-refused':
        this.reads.push({ readId: effect.readId, index: -1 })
        break
      case 'read-entries':
        this.readBack(replica, effect)
        break
      case 'commit':
      case 'halt':
        break
    }
  }

  /** Reads entries after the same time as a write takes; nothing comes if the replica restarts. */
  private readBack(
    replica: TestReplica,
    { to, fromIndex, bytesMax }: { to: ReplicaId; fromIndex: number; bytesMax: number },
  ): void {
    if (!this.answersReads) return
    const { id, disk, starts } = replica
    this.later(this.drawn('read', this.storeMs), () => {
      if (replica.starts !== starts) return
      let sizeBytes = 0
      const entries: TestEntry[] = []
      for (const entry of disk.entries.slice(fromIndex - 1)) {
        sizeBytes += entry.sizeBytes
        if (entries.length > 0 && sizeBytes > bytesMax) break
        entries.push(entry)
      }
      const previous = disk.pointAt(fromIndex - 1)
      this.input(id, { type: 'entries-read', to, previous, entries })
    })
  }

  private tick(id: ReplicaId): void {
    this.input(id, { type: 'tick' })
    const nextMs = deadlineMs(this.raft(id))
    if (nextMs <= this.nowMs) throw new Error(`a tick of ${id} left its deadline at ${nextMs}`)
  }

  private drawn(purpose: string, { min, max }: Range): number {
    return max > min ? min + this.draw(purpose, max - min + 1) : min
  }

  /** The next event up to `endMs`: packets first, then writes, errands and ticks. */
  private runNext(endMs: number): boolean {
    let dueMs = endMs
    let act: (() => void) | undefined
    const offer = (candidateMs: number, run: () => void): void => {
      const atMs = Math.max(candidateMs, this.nowMs)
      if (atMs < dueMs || (atMs === dueMs && act === undefined && atMs <= endMs)) {
        dueMs = atMs
        act = run
      }
    }
    const packet = this.network.queue[0]
    if (packet !== undefined) offer(packet.dueMs, () => this.deliver(packet))
    for (const replica of this.replicas.values()) {
      const write = replica.disk.pending[0]
      if (!replica.isAlive || replica.isDiskStalled || write === undefined) continue
      offer(write.dueMs, () => this.store(replica.id))
    }
    for (const errand of this.errands) {
      offer(errand.dueMs, () => {
        this.errands.splice(this.errands.indexOf(errand), 1)
        errand.run()
      })
    }
    for (const { id, raft, isAlive } of this.replicas.values()) {
      if (isAlive) offer(deadlineMs(raft), () => this.tick(id))
    }
    if (act === undefined) return false
    this.nowMs = dueMs
    act()
    return true
  }
}
