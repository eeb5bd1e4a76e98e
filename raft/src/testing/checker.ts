// What must hold between the replicas of a group, checked after every step against the disks: the
// five properties of the paper (figure 3), that commit counts synced copies, that nothing is
// promised before it is durable, that a pre-vote changes nothing, and that reads are linearizable.
// Throws at the first violation. What must hold within one replica is in ../invariants.ts.
import { checkInvariants } from '../invariants.ts'
import { sameChain } from '../log.ts'
import { majority } from '../quorum.ts'
import type { Raft } from '../raft.ts'
import type { Chain, RaftEffect, RaftInput, RaftMessage, ReplicaId } from '../types.ts'
import type { TestDisk } from './disk.ts'
import type { TestEntry } from './entry.ts'

export interface CheckedReplica {
  readonly id: ReplicaId
  readonly raft: Raft<TestEntry>
  readonly disk: TestDisk
  /** Highest index reported in a commit effect of this process life. */
  committed: number
}

type Effect = RaftEffect<TestEntry>
type Input = RaftInput<TestEntry>

function require(condition: boolean, violation: string): void {
  if (!condition) throw new Error(violation)
}

/** Everything a pre-vote must leave alone. */
function opinionOf(raft: Raft<TestEntry>): string {
  const { term, votedFor, role, leader, contactMs, electionDeadlineMs } = raft
  return [term, votedFor, role, leader, contactMs, electionDeadlineMs].join()
}

export class ClusterChecker {
  /** Every entry that was ever committed, by index − 1. */
  readonly committed: TestEntry[] = []
  readonly leaders: Map<number, ReplicaId> = new Map()
  private readonly chains = new Map<string, Chain>()
  private readonly readFloors = new Map<number, number>()
  private readonly replicas: () => Iterable<CheckedReplica>
  private readonly voters: number
  private opinion = ''
  /** One entry always fits, however large. */
  private largestBytes = 0

  constructor(voters: number, replicas: () => Iterable<CheckedReplica>) {
    this.voters = voters
    this.replicas = replicas
  }

  beforeStep(replica: CheckedReplica, input: Input): void {
    if (isPreVoteRequest(input)) this.opinion = opinionOf(replica.raft)
    // A read asked now must see all that was committed, and so may have been acked, before.
    if (input.type === 'read') this.readFloors.set(input.readId, this.committed.length)
  }

  afterStep(replica: CheckedReplica, input: Input, effects: readonly Effect[]): void {
    checkInvariants(replica.raft)
    if (isPreVoteRequest(input)) {
      require(this.opinion === opinionOf(replica.raft), 'a pre-vote changed the voter')
      require(effects.every((effect) => effect.type === 'send'), 'a pre-vote had effects')
    }
    for (const effect of effects) this.checkEffect(replica, input, effect)
    const { leadership, options } = replica.raft
    for (const { inflightBytes } of leadership?.progress ?? []) {
      const isBounded = inflightBytes <= options.inflightBytesMax + this.largestBytes
      require(isBounded, `${inflightBytes} bytes in flight`)
    }
  }

  private checkEffect(replica: CheckedReplica, input: Input, effect: Effect): void {
    const { id, raft } = replica
    switch (effect.type) {
      case 'role':
        if (effect.role === 'leader') this.checkElected(replica, effect.term)
        break
      case 'persist':
        require(effect.truncateAfter === undefined ||
          raft.role !== 'leader', `leader ${id} dropped entries`)
        for (const entry of effect.entries) this.checkMatching(entry)
        break
      case 'commit':
        require(input.type !== 'message' ||
          input.message.type !== 'append-reply' ||
          input.message.success, 'commit moved on a reject')
        this.checkCommit(replica, effect.index)
        break
      case 'send':
        this.checkSend(replica, effect.to, effect.message)
        break
      case 'read-ready': {
        const floor = this.readFloors.get(effect.readId) ?? 0
        require(effect.index >= floor, `read ${effect.readId} is stale: ${effect.index} < ${floor}`)
        break
      }
      case 'halt':
        throw new Error(`replica ${id} halted: ${effect.reason}`)
      case 'read-refused':
      case 'read-entries':
        break
    }
  }

  /** Election safety and leader completeness. */
  private checkElected({ id, raft, disk }: CheckedReplica, term: number): void {
    const other = this.leaders.get(term)
    require(other === undefined || other === id, `${other} and ${id} both lead term ${term}`)
    this.leaders.set(term, id)
    const newest = this.committed[this.committed.length - 1]
    if (newest === undefined) return
    const agreement = raft.log.compare(newest)
    const isHeld =
      agreement === 'same' ||
      (agreement === 'released' && sameChain(disk.pointAt(newest.index).chain, newest.chain))
    require(isHeld, `leader ${id} of term ${term} lacks committed entry ${newest.index}`)
  }

  /** Log matching: the chain covers all entries before, so it is enough to compare chains. */
  private checkMatching(entry: TestEntry): void {
    const key = `${entry.index}/${entry.term}`
    const chain = this.chains.get(key)
    require(chain === undefined ||
      sameChain(chain, entry.chain), `two different logs end in ${key}`)
    this.chains.set(key, entry.chain)
    this.largestBytes = Math.max(this.largestBytes, entry.sizeBytes)
  }

  /** State machine safety, and commit counts synced copies only. */
  private checkCommit(replica: CheckedReplica, index: number): void {
    const { id, raft, disk } = replica
    require(index > replica.committed, `commit of ${id} reported twice: ${index}`)
    for (let place = replica.committed + 1; place <= index; place++) {
      const entry = raft.log.entryAt(place) ?? (disk.entries[place - 1] as TestEntry)
      const known = this.committed[place - 1]
      if (known === undefined) {
        require(raft.role === 'leader', `follower ${id} is the first to commit ${place}`)
        this.checkCopies(entry, index)
        this.committed.push(entry)
      } else {
        require(sameChain(known.chain, entry.chain), `committed entry ${place} differs on ${id}`)
      }
    }
    replica.committed = index
  }

  private checkCopies(entry: TestEntry, index: number): void {
    let copies = 0
    for (const { disk } of this.replicas()) if (disk.hasSynced(entry.index, entry.term)) copies++
    require(copies >= majority(this.voters), `${index} committed with ${copies} synced copies`)
  }

  /** No message of a term, and no promise, before it is on disk. */
  private checkSend(
    { id, raft, disk }: CheckedReplica,
    to: ReplicaId,
    message: RaftMessage<TestEntry>,
  ): void {
    const isPreVote =
      (message.type === 'vote-request' || (message.type === 'vote-reply' && message.granted)) &&
      message.pre
    if (isPreVote) return
    const { term, votedFor } = disk.hardState
    require(message.term <= term, `${id} sent ${message.type} of unsynced term ${message.term}`)
    if (message.type === 'vote-request') {
      require(message.term === term && votedFor === id, `${id} asks for votes without its own`)
    } else if (message.type === 'vote-reply' && message.granted) {
      require(message.term === term && votedFor === to, `${id} gave ${to} a vote not on disk`)
    } else if (message.type === 'append-reply' && message.success) {
      const own = raft.log.pointAt(message.match)
      const isSynced = own === undefined || disk.hasSynced(own.index, own.term) || own.index === 0
      const isThere = own === undefined || sameChain(disk.pointAt(own.index).chain, own.chain)
      require(isSynced && isThere, `${id} acked ${message.match}, which is not on its disk`)
    }
  }
}

function isPreVoteRequest(input: Input): boolean {
  return input.type === 'message' && input.message.type === 'vote-request' && input.message.pre
}
