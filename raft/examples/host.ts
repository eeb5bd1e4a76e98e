// The host of a small Raft group, as short as a host can be. Network and disks are in memory and the
// clock is a loop of milliseconds; what is left is what any host writes: carry out effects, give
// inputs, apply what is committed. All entries stay in memory here; ../README.md says how to release
// them and how to send snapshots. key-value.ts is a machine that runs on it.
import {
  type Configuration,
  configurationProblem,
  createRaft,
  deadlineMs,
  defaultRaftOptions,
  inspectRaft,
  type LogPoint,
  nextConfiguration,
  type Raft,
  type RaftEffect,
  type RaftInput,
  type ReplicaId,
  step,
} from '@quorate/raft'
import {
  keyedDraw,
  makeConfigurationEntry,
  makeEntry,
  TestDisk,
  type TestEntry,
  TestNetwork,
} from '@quorate/raft/testing'

export interface Machine {
  apply(value: string): void
}

interface Replica {
  readonly id: ReplicaId
  readonly disk: TestDisk
  readonly raft: Raft<TestEntry>
  readonly machine: Machine
  applied: number
}

export class Group {
  private nowMs = 0
  private session = 0
  private readonly up = new Map<ReplicaId, Replica>()
  private readonly disks = new Map<ReplicaId, TestDisk>()
  private readonly draw = keyedDraw(7)
  private readonly network = new TestNetwork(
    { latencyMs: { min: 1, max: 2 }, dropPercent: 0, duplicatePercent: 0 },
    this.draw,
  )
  private readonly machine: (id: ReplicaId) => Machine
  private readonly print: (line: string) => void

  /** `machine` gives an empty one for each start of a replica. */
  constructor(machine: (id: ReplicaId) => Machine, print: (line: string) => void) {
    this.machine = machine
    this.print = print
  }

  /** With what the disk holds, after a crash; else on an empty disk, as one of `voters` if it is. */
  start(id: ReplicaId, voters: readonly ReplicaId[] = []): void {
    const disk = this.disks.get(id) ?? new TestDisk()
    if (!this.disks.has(id)) disk.format({ voters })
    this.disks.set(id, disk)
    const configuration = disk.configurationAt(disk.checkpoint)
    const options = { ...defaultRaftOptions, id, configuration, session: ++this.session }
    const raft = createRaft(options, disk.restore(), this.nowMs, this.draw)
    this.up.set(id, { id, disk, raft, machine: this.machine(id), applied: 0 })
  }

  /** What was not on disk is lost, and so is the machine: the log brings it back. */
  stop(id: ReplicaId): void {
    this.print(`replica ${id} stops`)
    this.up.get(id)?.disk.crash(0)
    this.up.delete(id)
  }

  private input(replica: Replica, input: RaftInput<TestEntry>): void {
    for (const effect of step(replica.raft, input, this.nowMs)) this.perform(replica, effect)
  }

  private perform(replica: Replica, effect: RaftEffect<TestEntry>): void {
    const { id, disk, raft } = replica
    if (effect.type === 'send') this.network.send(id, effect.to, effect.message, this.nowMs)
    if (effect.type === 'persist') disk.write(effect, this.nowMs + 1)
    if (effect.type === 'commit') this.apply(replica, effect.index)
    if (effect.type === 'propose-configuration') this.configure(replica, effect.configuration)
    if (effect.type === 'role' && effect.role === 'leader') {
      this.print(`replica ${id} leads term ${effect.term}`)
      this.propose(replica, (last) => makeEntry(last, raft.term, 'a new term'))
    }
    if (effect.type === 'halt') throw new Error(effect.reason)
  }

  private apply(replica: Replica, index: number): void {
    for (; replica.applied < index; replica.applied++) {
      replica.machine.apply(replica.raft.log.entryAt(replica.applied + 1)!.value)
    }
  }

  private propose(replica: Replica, make: (last: LogPoint) => TestEntry): number {
    const { log } = replica.raft
    this.input(replica, { type: 'propose', entries: [make(log.pointAt(log.lastIndex)!)] })
    return log.lastIndex
  }

  private configure(leader: Replica, next: Configuration): void {
    this.print(`members become ${JSON.stringify(next)}`)
    this.propose(leader, (last) => makeConfigurationEntry(last, leader.raft.term, next))
  }

  /** Millisecond by millisecond: what has arrived, what is stored, whose timer has run out. */
  until(condition: () => boolean): void {
    for (; !condition(); this.nowMs++) {
      for (const packet of this.network.queue.filter(({ dueMs }) => dueMs <= this.nowMs)) {
        this.network.take(packet)
        const { from, to, message } = packet
        const replica = this.up.get(to)
        if (replica !== undefined) this.input(replica, { type: 'message', from, message })
      }
      for (const replica of this.up.values()) {
        if ((replica.disk.pending[0]?.dueMs ?? Infinity) <= this.nowMs) {
          this.input(replica, { type: 'stored', id: replica.disk.finishOldest() })
        }
        if (deadlineMs(replica.raft) <= this.nowMs) this.input(replica, { type: 'tick' })
      }
    }
  }

  private leading(): Replica | undefined {
    return [...this.up.values()].find(({ raft }) => inspectRaft(raft).serving)
  }

  leader(): Replica {
    this.until(() => this.leading() !== undefined)
    return this.leading()!
  }

  /** Committed and applied by the leader when it returns. */
  write(value: string): void {
    const leader = this.leader()
    const index = this.propose(leader, (last) => makeEntry(last, leader.raft.term, value))
    this.until(() => leader.applied >= index)
    this.print(value)
  }

  /** Step by step to these members, and until all of them have the whole log. */
  members(voters: readonly ReplicaId[], learners: readonly ReplicaId[] = []): void {
    this.until(() => {
      const leader = this.leading()
      if (leader === undefined) return false
      const { configuration, lastIndex, progress } = inspectRaft(leader.raft)
      const next = nextConfiguration(configuration, { voters, learners })
      const isAllowed = next && configurationProblem(leader.raft, next) === undefined
      if (isAllowed) this.configure(leader, next)
      const isThere = next === undefined && configuration.outgoing === undefined
      return isThere && progress.every(({ match }) => match === lastIndex)
    })
  }

  /** Until every replica that runs has applied what the leader has. */
  converge(): void {
    const { applied } = this.leader()
    this.until(() => [...this.up.values()].every((replica) => replica.applied >= applied))
  }
}
