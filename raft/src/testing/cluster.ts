// A whole group in memory, in virtual time: replicas, their disks and the links between them, with
// verbs for everything that can go wrong. Time passes only in `run` and `runUntil`; without them the
// test itself delivers packets and finishes writes one by one. What a host owes the core is in
// host.ts; the checker watches every step.
import { type ConfigurationTarget, nextConfiguration } from '../membership.ts'
import { configurationProblem } from '../reconfigure.ts'
import { deadlineMs } from '../step.ts'
import type { ReplicaId } from '../types.ts'
import { TestDisk } from './disk.ts'
import { TestHost } from './host.ts'
import type { Packet } from './network.ts'

export class RaftCluster extends TestHost {
  // Verbs of an operator.

  transfer(id: ReplicaId, to: ReplicaId): void {
    this.input(id, { type: 'transfer', to })
  }

  release(id: ReplicaId, index: number): void {
    const replica = this.replica(id)
    this.input(id, { type: 'release', index })
    const { raft, disk, isAlive } = replica
    const { base, stable } = raft.log
    // A snapshot that is still being written is no checkpoint yet.
    if (isAlive && base.index <= stable) disk.checkpoint = base.index
  }

  /** Lets the log start at `index`, or as far below as is released. */
  compact(id: ReplicaId, index: number): void {
    this.release(id, index)
    const { disk } = this.replica(id)
    if (disk.checkpoint > disk.start.index) disk.compact(Math.min(index, disk.checkpoint))
  }

  /** A new replica with an empty disk that knows nobody. */
  add(id: ReplicaId): void {
    if (this.replicas.has(id)) throw new Error(`replica ids are never used again: ${id}`)
    this.ids.push(id)
    this.install(id, new TestDisk())
  }

  /** One step towards these members; why not, if there is none to take. */
  change(id: ReplicaId, target: ConfigurationTarget): string | undefined {
    const replica = this.replica(id)
    const { raft, isAlive } = replica
    const next = nextConfiguration(raft.membership.placed.configuration, target)
    if (!isAlive || next === undefined) return 'nothing to change'
    const problem = configurationProblem(raft, next)
    if (problem === undefined) this.proposeConfiguration(replica, next)
    return problem
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

  /** As `crash`, in the middle of the oldest write. */
  tear(id: ReplicaId): void {
    const replica = this.replica(id)
    if (!replica.isAlive) return
    replica.isAlive = false
    replica.disk.tear()
  }

  /** Fills what cannot be read from any live replica that can; a host would ask them all. */
  repair(id: ReplicaId): void {
    const { disk, isAlive } = this.replica(id)
    const peers = this.live().filter((peer) => peer.id !== id)
    const repaired = disk.damage.indexes().flatMap((index) => {
      const entry = disk.entryAt(index)
      const isFound = entry !== undefined && peers.some((peer) => peer.disk.hasGood(entry))
      return isFound ? [entry] : []
    })
    if (!isAlive || repaired.length === 0) return
    for (const { index } of repaired) disk.repaired(index)
    this.input(id, { type: 'repaired', entries: repaired })
    const { cleanThrough, undecided } = disk.damage
    this.input(id, { type: 'holes', cleanThrough, undecided })
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
      const { log, membership } = this.raft(leader)
      const { lastIndex, commit } = log
      const members = this.live().filter(({ id }) => membership.peers.includes(id))
      return (
        commit === lastIndex &&
        members.every(({ raft }) => raft.leader === leader && raft.log.commit === commit)
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

  /** Does the oldest thing the host has put off, now. False when there is none. */
  runErrand(): boolean {
    const errand = this.errands.shift()
    errand?.run()
    return errand !== undefined
  }

  private tick(id: ReplicaId): void {
    this.input(id, { type: 'tick' })
    const nextMs = deadlineMs(this.raft(id))
    if (nextMs <= this.nowMs) throw new Error(`a tick of ${id} left its deadline at ${nextMs}`)
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
