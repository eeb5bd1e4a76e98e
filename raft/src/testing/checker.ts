// What must hold between the replicas of a group, checked after every step against the disks: the
// five properties of the paper (figure 3), that commit counts synced copies, that nothing is
// promised before it is durable, that a pre-vote changes nothing, and that reads are linearizable.
// Throws at the first violation. What must hold within one replica is in ../invariants.ts.
import { checkInvariants } from '../invariants.ts'
import { sameChain } from '../log.ts'
import { majority } from '../quorum.ts'
import { isElectable, type Raft } from '../raft.ts'
import type {
  Chain,
  Configuration,
  RaftEffect,
  RaftInput,
  RaftMessage,
  ReplicaId,
  SnapshotPoint,
} from '../types.ts'
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
  /** What the group began with. */
  private readonly first: Configuration
  private opinion = ''
  /** Before the step: a leader that commits its own removal is none after it. */
  private wasLeader = false
  /** One entry always fits, however large. */
  private largestBytes = 0

  constructor(first: Configuration, replicas: () => Iterable<CheckedReplica>) {
    this.first = first
    this.replicas = replicas
  }

  beforeStep(replica: CheckedReplica, input: Input): void {
    this.wasLeader = replica.raft.role === 'leader'
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
    const { leadership, options, log } = replica.raft
    const open = log.configurations.all.filter(({ index }) => index > this.committed.length)
    require(open.length <= 1, `${open.length} configurations without commit on ${replica.id}`)
    require(replica.disk.start.index <= log.base.index, `log start of ${replica.id} above its base`)
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
        if (effect.truncateAfter !== undefined) this.checkCut(replica, effect.truncateAfter + 1)
        if (effect.snapshot !== undefined) this.checkInstall(replica, effect.snapshot)
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
      case 'recovered':
      case 'tail-unknown':
      case 'dropped':
      case 'read-refused':
      case 'read-entries':
      case 'read-snapshot':
      case 'snapshot-received':
        break
      case 'configuration':
        if (effect.committed) {
          this.checkConfiguration(replica, effect.index, effect.configuration)
        }
        break
      case 'propose-configuration':
        require(raft.role === 'leader', `${id} is to leave a joint configuration as ${raft.role}`)
        break
    }
  }

  /** Election safety and leader completeness. */
  private checkElected({ id, raft, disk }: CheckedReplica, term: number): void {
    const other = this.leaders.get(term)
    require(other === undefined || other === id, `${other} and ${id} both lead term ${term}`)
    this.leaders.set(term, id)
    require(isElectable(raft), `${id} leads term ${term} and is no voter`)
    const newest = this.committed[this.committed.length - 1]
    if (newest === undefined) return
    const agreement = raft.log.compare(newest)
    const stored = disk.pointAt(newest.index)
    const isHeld =
      agreement === 'same' ||
      // Below its log start an entry is part of a snapshot, and was compared when that came to be.
      (agreement === 'released' &&
        (newest.index <= disk.start.index ||
          disk.pending.some(({ request }) => (request.snapshot?.index ?? 0) >= newest.index) ||
          (stored !== undefined && sameChain(stored.chain, newest.chain))))
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
      const own = raft.log.entryAt(place)
      const entry = own?.missing === true ? disk.entryAt(place) : (own ?? disk.entryAt(place))
      if (entry === undefined) throw new Error(`${id} commits ${place} and has no such entry`)
      const known = this.committed[place - 1]
      if (known === undefined) {
        require(this.wasLeader, `follower ${id} is the first to commit ${place}`)
        this.checkCopies(raft.membership.placed.configuration, entry, index)
        this.committed.push(entry)
      } else {
        require(sameChain(known.chain, entry.chain), `committed entry ${place} differs on ${id}`)
      }
    }
    replica.committed = index
  }

  /** What is committed stays in every log that has it. */
  private checkCut({ id, disk }: CheckedReplica, index: number): void {
    const own = disk.entryAt(index)
    const known = this.committed[index - 1]
    const isLost = own !== undefined && known !== undefined && sameChain(own.chain, known.chain)
    require(!isLost, `${id} cuts off committed entry ${index}`)
  }

  /** Both halves of a joint configuration hold the entry. */
  private checkCopies(
    { voters, outgoing }: Configuration,
    { index, term }: TestEntry,
    commit: number,
  ): void {
    for (const half of [voters, outgoing ?? voters]) {
      let copies = 0
      for (const { id, disk } of this.replicas()) {
        if (half.includes(id) && disk.hasSynced(index, term)) copies++
      }
      const isCopied = copies >= majority(half.length)
      require(isCopied, `${commit} committed with ${copies} synced copies of ${half.length}`)
    }
  }

  /** A snapshot stands for committed entries and the configuration they lead to. */
  private checkInstall(replica: CheckedReplica, snapshot: SnapshotPoint): void {
    const { index, chain, configuration } = snapshot
    const known = this.committed[index - 1]
    require(known !== undefined &&
      sameChain(known.chain, chain), `${replica.id} installs ${index}, which is not committed`)
    this.checkConfiguration(replica, index, configuration)
    require(index > replica.committed, `${replica.id} goes back to ${index}`)
    replica.committed = index
  }

  /** The configuration of the entry at or before `index`, as far as all that is committed. */
  private checkConfiguration(
    { id }: CheckedReplica,
    index: number,
    configuration: Configuration,
  ): void {
    let expected = this.first
    for (const entry of this.committed.slice(0, index)) expected = entry.configuration ?? expected
    // Before its first configuration entry a new replica knows nobody.
    if (expected === this.first && configuration.voters.length === 0) return
    const isSame = JSON.stringify(expected) === JSON.stringify(configuration)
    require(isSame, `${id} has another configuration at ${index}`)
  }

  /** No message of a term, and no promise, before it is on disk. */
  private checkSend(
    { id, raft, disk }: CheckedReplica,
    to: ReplicaId,
    message: RaftMessage<TestEntry>,
  ): void {
    if (isOpinion(message)) return
    const { term, votedFor } = disk.hardState
    require(message.term <= term, `${id} sent ${message.type} of unsynced term ${message.term}`)
    if (message.type === 'vote-request') {
      require(message.term === term && votedFor === id, `${id} asks for votes without its own`)
    } else if (message.type === 'vote-reply' && message.granted) {
      require(message.term === term && votedFor === to, `${id} gave ${to} a vote not on disk`)
    } else if (message.type === 'append-reply' && message.success) {
      const own = raft.log.pointAt(message.match)
      const isSynced = own === undefined || disk.hasSynced(own.index, own.term) || own.index === 0
      const there = own && disk.pointAt(own.index)
      const isThere = own === undefined || (there && sameChain(there.chain, own.chain)) === true
      require(isSynced && isThere, `${id} acked ${message.match}, which is not on its disk`)
    }
  }
}

/** Of a term that nobody has yet: it promises nothing. */
function isOpinion(message: RaftMessage<TestEntry>): boolean {
  switch (message.type) {
    case 'vote-request':
    case 'hole-request':
      return message.pre
    case 'vote-reply':
      return message.pre && message.granted
    case 'hole-reply':
      return message.pre && message.holding !== 'refused'
    default:
      return false
  }
}

function isPreVoteRequest(input: Input): boolean {
  return input.type === 'message' && input.message.type === 'vote-request' && input.message.pre
}
