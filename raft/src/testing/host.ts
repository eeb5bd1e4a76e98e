// The smallest host that keeps all the duties of README.md: boots replicas of a group from their
// disks, steps them under the checker, and carries out their effects in memory. It has no idea of
// time passing; cluster.ts moves the clock and has the verbs for what can go wrong.
import { defaultRaftOptions, type RaftTuning } from '../options.ts'
import { noRaftProbe, type RaftProbe } from '../probes.ts'
import { createRaft, type Raft } from '../raft.ts'
import { step } from '../step.ts'
import type {
  Configuration,
  Draw,
  LogPoint,
  RaftEffect,
  RaftInput,
  RaftOptions,
  ReplicaId,
  SnapshotPoint,
} from '../types.ts'
import { type CheckedReplica, ClusterChecker } from './checker.ts'
import { TestDisk } from './disk.ts'
import { makeConfigurationEntry, makeEntry, type TestEntry } from './entry.ts'
import { type NetworkConditions, type Range, TestNetwork } from './network.ts'
import { keyedDraw } from './random.ts'
import { isWhole, readEntries, readSnapshot } from './reading.ts'

export interface ClusterOptions {
  /** The first voters: 1, 2, … */
  readonly replicas: number
  readonly seed?: number
  readonly raft?: Partial<RaftTuning>
  readonly network?: Partial<NetworkConditions>
  /** Time a write takes. */
  readonly storeMs?: Range
  /** State of a disk before the first start. */
  readonly disk?: (id: ReplicaId) => TestDisk
  /** Default: one that does nothing. */
  readonly probe?: RaftProbe
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

export class TestHost {
  nowMs = 0
  /** Of all replicas there ever were. */
  readonly ids: ReplicaId[]
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
  /** Answers read-entries and read-snapshot; replaced in tests of failing reads. */
  answersReads = true
  /** Installs the snapshots it is given. */
  findsSnapshotsSound = true
  protected readonly replicas: Map<ReplicaId, TestReplica> = new Map()
  protected readonly errands: Errand[] = []
  protected readonly tuning: RaftTuning
  private readonly seed: number
  private readonly probe: RaftProbe
  private readonly draw: Draw
  private nextReadId = 1

  constructor(options: ClusterOptions) {
    this.seed = options.seed ?? 1
    this.probe = options.probe ?? noRaftProbe
    this.tuning = { ...defaultRaftOptions, ...options.raft }
    this.draw = keyedDraw(this.seed)
    this.storeMs = options.storeMs ?? { min: 1, max: 1 }
    this.ids = Array.from({ length: options.replicas }, (_, place) => place + 1)
    const configuration = { voters: [...this.ids] }
    this.checker = new ClusterChecker(configuration, () => this.replicas.values())
    const still = { latencyMs: { min: 1, max: 1 }, dropPercent: 0, duplicatePercent: 0 }
    this.network = new TestNetwork({ ...still, ...options.network }, keyedDraw(this.seed + 1))
    for (const id of this.ids) {
      const disk = options.disk?.(id) ?? new TestDisk()
      disk.format(configuration)
      this.install(id, disk)
    }
  }

  protected install(id: ReplicaId, disk: TestDisk): void {
    const raft = this.boot(id, disk, 1)
    const committed = disk.checkpoint
    const replica = { id, raft, disk, committed, isAlive: true, isDiskStalled: false, starts: 1 }
    this.replicas.set(id, replica)
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

  live(): TestReplica[] {
    return [...this.replicas.values()].filter(({ isAlive }) => isAlive)
  }

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

  protected proposeConfiguration({ id, raft }: TestReplica, configuration: Configuration): void {
    const previous = raft.log.pointAt(raft.log.lastIndex) as LogPoint
    const entry = makeConfigurationEntry(previous, raft.term, configuration)
    this.input(id, { type: 'propose', entries: [entry] })
  }

  /** Id of the read; its outcome appears in `reads`. */
  read(id: ReplicaId): number {
    const readId = this.nextReadId++
    this.input(id, { type: 'read', readId })
    return readId
  }

  /** Runs something at a later time. */
  later(afterMs: number, run: () => void): void {
    this.errands.push({ dueMs: this.nowMs + afterMs, run })
  }

  protected boot(id: ReplicaId, disk: TestDisk, starts: number): Raft<TestEntry> {
    const configuration = disk.configurationAt(disk.checkpoint)
    const session = id * 1000 + starts
    const options: RaftOptions = { ...this.tuning, id, configuration, session }
    const draw = keyedDraw(this.seed * 31 + session)
    return createRaft(options, disk.restore(), this.nowMs, draw, this.probe)
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
        this.answerLater(replica, () => readEntries(disk, effect))
        break
      case 'read-snapshot':
        this.answerLater(replica, () => readSnapshot(disk, id, effect))
        break
      case 'snapshot-received':
        this.verify(replica, effect)
        break
      case 'propose-configuration':
        this.proposeConfiguration(replica, effect.configuration)
        break
      case 'recovered':
        disk.damage.tailKnown = true
        break
      case 'tail-unknown':
        disk.damage.tailKnown = false
        break
      case 'dropped':
      case 'configuration':
      case 'commit':
      case 'halt':
        break
    }
  }

  /** Answers after the time a write takes; nothing comes if the replica restarts before. */
  private answerLater(replica: TestReplica, answer: () => RaftInput<TestEntry>): void {
    if (!this.answersReads) return
    const { starts } = replica
    this.later(this.drawn('read', this.storeMs), () => {
      if (replica.starts === starts) this.input(replica.id, answer())
    })
  }

  private verify(
    replica: TestReplica,
    { snapshot, data }: { snapshot: SnapshotPoint; data: readonly Uint8Array[] },
  ): void {
    if (!isWhole(snapshot, data)) throw new Error(`${replica.id} got a snapshot of pieces`)
    if (this.findsSnapshotsSound) this.answerLater(replica, () => ({ type: 'install', snapshot }))
  }

  private drawn(purpose: string, { min, max }: Range): number {
    return max > min ? min + this.draw(purpose, max - min + 1) : min
  }
}
