// A group as an exploration sees it: replicas of the real core, what their disks hold, and one
// message that may be late. Writes are durable at once and time does not pass by itself: an action
// lets a timer run out, or feeds followers, with those that can hear it, until nobody has anything
// to say. Worlds are never changed: an action makes a new one that shares what did not move.
import { createRaft, defaultRaftOptions, type Raft, type RaftInput, step } from '../../src/index.ts'
import { makeEntry, missingEntry, origin, type TestEntry } from '../../src/testing/index.ts'
import type { HardState, LogPoint, RaftEffect, RaftMessage, ReplicaId } from '../../src/types.ts'
import { copyOf, nameOf } from './state.ts'

type Input = RaftInput<TestEntry>
export type Message = RaftMessage<TestEntry>

/** How an entry lies on a disk. Torn: its write never ended, which cannot be told from undecided. */
export type Quality = 'good' | 'torn' | 'undecided' | 'faulty'

export interface Disk {
  readonly hardState: HardState
  readonly entries: readonly TestEntry[]
  readonly qualities: readonly Quality[]
  readonly tailKnown: boolean
  readonly session: number
}

export interface Replica {
  readonly id: ReplicaId
  readonly raft: Raft<TestEntry>
  readonly disk: Disk
  /** Short name of raft and disk together: equal exactly when both are. */
  readonly name: number
}

export interface Packet {
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly message: Message
}

/** What may still happen. */
export interface Budget {
  readonly crashes: number
  readonly damages: number
  readonly late: number
  readonly timeouts: number
  readonly proposals: number
  /** Replicas that may go for good. */
  readonly losses: number
}

export interface World {
  readonly replicas: readonly Replica[]
  readonly late: Packet | undefined
  readonly budget: Budget
  /** By index − 1. */
  readonly committed: readonly TestEntry[]
  /** Gone for good: it is where it began, and nobody hears it. 0: nobody is. */
  readonly lost: ReplicaId
  /** Replicas above this one have taken no part since the start, so they are all alike. */
  readonly touched: ReplicaId
}

export class Violation extends Error {}

export interface Observer {
  /** Throws a violation when the disks cannot keep what is committed. Called whenever one changed. */
  assess(disks: readonly Disk[], committed: readonly TestEntry[], lost: ReplicaId): void
  effect(type: RaftEffect<TestEntry>['type']): void
}

const names = new Map<string, number>()

function named(id: ReplicaId, raft: Raft<TestEntry>, disk: Disk): Replica {
  const { hardState, entries, qualities, tailKnown, session } = disk
  const marks = entries.map(({ term, value }, place) => `${term}${value}${qualities[place]}`)
  const text = `${nameOf(raft)} ${hardState.term} ${hardState.votedFor} ${marks} ${tailKnown} ${session}`
  const name = names.get(text) ?? names.size
  names.set(text, name)
  return { id, raft, disk, name }
}

export function boot(id: ReplicaId, voters: readonly ReplicaId[], disk: Disk): Replica {
  const { hardState, entries, tailKnown, session } = disk
  const qualities = disk.qualities.map(asFound)
  const raft = createRaft<TestEntry>(
    { ...defaultRaftOptions, id, configuration: { voters }, session },
    {
      hardState,
      base: origin,
      commit: 0,
      entries: entries.map((entry, place) => {
        const quality = qualities[place]
        if (quality === 'good') return entry
        return missingEntry(entry, qualities[place + 1] !== quality)
      }),
      condition: tailKnown ? 'clean' : 'unknown-tail',
      ...holesOf(disk),
    },
    0,
    () => 0,
  )
  return named(id, raft, disk)
}

function asFound(quality: Quality): Quality {
  return quality === 'torn' ? 'undecided' : quality
}

/** What the host tells the core of the damage. */
export function holesOf(disk: Disk) {
  const qualities = disk.qualities.map(asFound)
  const firstHole = qualities.findIndex((quality) => quality !== 'good')
  const undecided = qualities.flatMap((quality, place) =>
    quality === 'undecided' && qualities[place - 1] !== 'undecided' ? [place + 1] : [],
  )
  return { cleanThrough: firstHole < 0 ? Infinity : firstHole, undecided }
}

export const emptyDisk: Disk = {
  hardState: { term: 0, votedFor: 0 },
  entries: [],
  qualities: [],
  tailKnown: true,
  session: 1,
}

export function keyOf({ replicas, late, budget, committed, lost }: World): string {
  const { crashes, damages, late: lates, timeouts, proposals } = budget
  const numbers = [crashes, damages, lates, timeouts, proposals, committed.length, lost]
  const packet = late === undefined ? '' : JSON.stringify(late)
  return `${replicas.map(({ name }) => name).join()}|${numbers.join()}|${packet}`
}

/** Can this message do harm when it is late? Signs of life and opinions promise nothing. */
function isNews(message: Message): boolean {
  switch (message.type) {
    case 'heartbeat':
    case 'heartbeat-reply':
      return false
    case 'vote-request':
    case 'vote-reply':
    case 'hole-request':
    case 'hole-reply':
      return !message.pre
    default:
      return true
  }
}

/** One action under way: replicas that move are copied once, the rest is shared. */
export class Turn {
  private readonly moved = new Map<ReplicaId, { raft: Raft<TestEntry>; disk: Disk }>()
  private readonly queue: Packet[] = []
  private readonly committed: TestEntry[]
  private late: Packet | undefined
  private lost: ReplicaId
  private readonly observer: Observer
  /** Packets so far that are more than a sign of life or an opinion. */
  news = 0
  private readonly world: World

  constructor(world: World, observer: Observer) {
    this.world = world
    this.observer = observer
    this.late = world.late
    this.lost = world.lost
    this.committed = [...world.committed]
  }

  at(id: ReplicaId): { raft: Raft<TestEntry>; disk: Disk } {
    const known = this.moved.get(id)
    if (known !== undefined) return known
    const { raft, disk } = this.world.replicas[id - 1] as Replica
    const copy = { raft: copyOf(raft), disk }
    this.moved.set(id, copy)
    return copy
  }

  input(id: ReplicaId, input: Input): void {
    const place = this.at(id)
    const before = place.disk
    const wrote: number[] = []
    for (const effect of step(place.raft, input, 0)) this.perform(id, effect, wrote)
    for (const write of wrote) this.input(id, { type: 'stored', id: write })
    if (place.disk !== before) this.check()
  }

  private check(): void {
    const disks = this.world.replicas.map((replica) => this.moved.get(replica.id) ?? replica)
    this.observer.assess(
      disks.map(({ disk }) => disk),
      this.committed,
      this.lost,
    )
  }

  private perform(id: ReplicaId, effect: RaftEffect<TestEntry>, wrote: number[]): void {
    const place = this.at(id)
    this.observer.effect(effect.type)
    switch (effect.type) {
      case 'send':
        this.queue.push({ from: id, to: effect.to, message: effect.message })
        break
      case 'persist':
        place.disk = written(place.disk, effect)
        wrote.push(effect.id)
        break
      case 'role':
        if (effect.role === 'leader') this.propose(id, `${effect.term}`)
        break
      case 'commit':
        this.commit(id, effect.index)
        break
      case 'recovered':
        place.disk = { ...place.disk, tailKnown: true }
        break
      case 'tail-unknown':
        place.disk = { ...place.disk, tailKnown: false }
        break
      case 'halt':
        throw new Violation(`replica ${id} halted: ${effect.reason}`)
      default:
        break
    }
  }

  propose(id: ReplicaId, value: string): void {
    const { raft } = this.at(id)
    const previous = raft.log.pointAt(raft.log.lastIndex) as LogPoint
    this.input(id, { type: 'propose', entries: [makeEntry(previous, raft.term, value)] })
  }

  private commit(id: ReplicaId, index: number): void {
    const { disk } = this.at(id)
    for (let place = 0; place < index; place++) {
      const entry = disk.entries[place] as TestEntry
      const known = this.committed[place]
      if (known === undefined) {
        this.committed.push(entry)
        this.check()
      } else if (known.term !== entry.term || known.value !== entry.value) {
        throw new Violation(
          `two values at ${place + 1}: ${known.value} and ${entry.value} on ${id}`,
        )
      }
    }
  }

  /** Only these reach each other, with messages of these types; one of them may be held up. */
  exchange(among: readonly ReplicaId[], types: ReadonlySet<Message['type']>, heldUp = -1): void {
    for (let packet = this.queue.shift(); packet !== undefined; packet = this.queue.shift()) {
      const { from, to, message } = packet
      if (!types.has(message.type) || !among.includes(from) || !among.includes(to)) continue
      if (isNews(message) && this.news++ === heldUp) this.late = packet
      else this.input(to, { type: 'message', from, message })
    }
  }

  /** Its disk is gone, and with it whoever could speak for it; what it has said may still arrive. */
  lose(id: ReplicaId): void {
    const { raft } = this.at(id)
    const { voters } = raft.options.configuration
    this.moved.set(id, { raft: boot(id, voters, emptyDisk).raft, disk: emptyDisk })
    this.lost = id
    if (this.late?.to === id) this.late = undefined
  }

  /** The host has heard of it. */
  hearsOfLoss(id: ReplicaId): void {
    this.input(id, { type: 'lost', replicas: [this.lost] })
  }

  /** What is said now is lost. */
  silence(): void {
    this.queue.length = 0
  }

  lateArrives(): void {
    const packet = this.late
    if (packet === undefined) return
    this.late = undefined
    this.input(packet.to, { type: 'message', from: packet.from, message: packet.message })
  }

  end(budget: Budget): World {
    this.silence()
    const replicas = this.world.replicas.map((replica) => {
      const moved = this.moved.get(replica.id)
      return moved === undefined ? replica : named(replica.id, settled(moved.raft), moved.disk)
    })
    const touched = Math.max(this.world.touched, ...this.moved.keys())
    const { late, committed, lost } = this
    return { replicas, late, budget, committed, lost, touched }
  }
}

/** Counters of a leader begin here: far from the zero of what has never been confirmed. */
const countersStart = 1000

/**
 * Only the order of counters matters, so they start again: ids of requests, for nothing is under
 * way to a disk, and the positions by which a leader recognises late heartbeat replies.
 */
function settled(raft: Raft<TestEntry>): Raft<TestEntry> {
  const { leadership } = raft
  // Time is the exploration's: any contact may be over, any timer may run out.
  raft.contactMs = -Infinity
  raft.electionDeadlineMs = 0
  if (leadership !== undefined) {
    const shift = countersStart - leadership.reads.position
    leadership.reads.position = countersStart
    leadership.reads.sent = countersStart
    for (const progress of leadership.progress) {
      progress.movedMs = 0
      progress.read = Math.max(0, progress.read + shift)
      progress.provingPosition =
        progress.unprovenSession === 0 ? 0 : Math.max(0, progress.provingPosition + shift)
    }
  }
  if (raft.persists.outstanding.length > 0) throw new Error('a write is under way')
  raft.persists.nextId = 1
  raft.persists.open = undefined
  raft.effects = []
  return raft
}

function written(
  disk: Disk,
  { hardState, truncateAfter, entries }: Extract<RaftEffect<TestEntry>, { type: 'persist' }>,
): Disk {
  const kept = truncateAfter ?? disk.entries.length
  return {
    ...disk,
    hardState: hardState ?? disk.hardState,
    entries: [...disk.entries.slice(0, kept), ...entries],
    qualities: [...disk.qualities.slice(0, kept), ...entries.map(() => 'good' as const)],
  }
}
