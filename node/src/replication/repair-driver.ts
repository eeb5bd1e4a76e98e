// Fills the holes of one replica, one after another: has storage read the own disk once more, since a
// read may have failed only once; then asks the other replicas in turn, leader or not, for the
// entries, piece by piece, and has storage write them when all of a hole are there and their chain
// ends where the hole's does. Who does not have them, or gives others, is passed over; when all were,
// the first entries that one of them had are written if the hole takes part of itself, and else it
// waits and begins anew. Decides nothing about what a damaged replica may do meanwhile (the core
// does). Previous stop: replica-shell.ts; next stops: storage, the peers' repair-server.ts.
import type { LogPoint, ReplicaId } from '@quorate/raft'
import { limits } from '../limits.ts'
import { sameChain } from '../storage/chain.ts'
import { verifyEntry, verifyPayload } from '../storage/entry-format.ts'
import type { GroupKey, LogEntry } from '../storage/log-entry.ts'
import { takesPart } from '../storage/log-hole.ts'
import type { GroupLog, LogHole, Storage } from '../storage/storage.ts'
import type { PeerFetch } from './peer-fetch.ts'
import type { EntriesFound, EntriesWanted } from './repair-codec.ts'

export type FetchEntries = PeerFetch<EntriesWanted, EntriesFound>

export interface RepairOptions {
  readonly key: GroupKey
  readonly log: GroupLog
  readonly storage: Pick<Storage, 'repair' | 'reread'>
  readonly fetch: FetchEntries
  /** Nodes of the group's other replicas, as far as they are known. */
  peers(): readonly string[]
  /** Runs it in the replica's own turn, if the replica still lives then. */
  inTurn(run: () => void): void
  /** Calls `look` after so long. */
  lookAfter(delayMs: number): void
  /** These can be read again. */
  repaired(entries: readonly LogEntry[]): void
  /**
   * A peer keeps nothing up to this index any more, so this replica need not either. Again with each
   * answer that says so.
   */
  retired(throughIndex: number): void
  event(name: string, fields: Readonly<Record<string, unknown>>): void
}

interface Work {
  readonly hole: LogHole
  /** Undefined: the own disk. */
  readonly node: string | undefined
  readonly entries: LogEntry[]
  /** Of the last entry that came, or of the one before the hole; not always known. */
  previous: LogPoint | undefined
}

export class RepairDriver {
  readonly #options: RepairOptions
  #work: Work | undefined
  #isWaiting = false
  /** Questions asked so far: the next one goes to the next node. */
  #asked = 0
  /** Who could not help with the present hole: the own disk first, then peers. */
  #failures = 0
  /** The longest beginning of the present hole that a peer had. */
  #part: readonly LogEntry[] = []
  /**
   * First indexes of holes that a second read of the own disk closed. One that is found once more
   * is a peer's to fill first: else a read that fails every other time would go on for ever.
   */
  readonly #closedByReading = new Set<number>()
  /** Holes before it were given up for this round. */
  #fromIndex = 0

  constructor(options: RepairOptions) {
    this.#options = options
  }

  /** The list of holes may have changed. */
  look(): void {
    if (this.#work !== undefined || this.#isWaiting) return
    // The state at a log start comes with a snapshot, not with entries.
    const holes = this.#options.log.holes().filter(({ where }) => where !== 'checkpoint')
    const hole = holes.find(({ firstIndex }) => firstIndex >= this.#fromIndex)
    if (hole === undefined) {
      this.#fromIndex = 0
      if (holes.length > 0) this.#wait()
      return
    }
    if (this.#closedByReading.delete(hole.firstIndex)) {
      this.#passOver(hole)
      return
    }
    const isOwnTurn = this.#failures === 0
    const node = isOwnTurn ? undefined : this.#nextPeer()
    const work = { hole, node, entries: [], previous: hole.before }
    this.#work = work
    if (node === undefined) this.#readOwn(work)
    else this.#ask(work, node)
  }

  /** The time that was asked for has passed. */
  waited(): void {
    this.#isWaiting = false
    this.look()
  }

  #wait(): void {
    this.#isWaiting = true
    this.#options.lookAfter(limits.repairRetryMs)
  }

  #nextPeer(): string {
    const nodes = this.#options.peers()
    return nodes[this.#asked++ % nodes.length]!
  }

  #readOwn(work: Work): void {
    const { key, storage, inTurn } = this.#options
    storage.reread(key, work.hole, (entries) => inTurn(() => this.#read(work, entries)))
  }

  #read(work: Work, entries: readonly LogEntry[] | undefined): void {
    if (work !== this.#work) return
    if (entries === undefined) {
      this.#passOver(work.hole)
      return
    }
    const { firstIndex, lastIndex, file, from, to } = work.hole
    this.#closedByReading.add(firstIndex)
    this.#options.event('storage.readable-again', { file, from, to, firstIndex, lastIndex })
    this.#options.repaired(entries)
    this.#next()
  }

  #ask(work: Work, node: string): void {
    const { key, fetch, inTurn } = this.#options
    const { firstIndex, lastIndex } = work.hole
    const wanted = { group: key, fromIndex: firstIndex + work.entries.length, lastIndex }
    fetch(node, wanted, (found) => inTurn(() => this.#found(work, node, found)))
  }

  #found(work: Work, node: string, found: EntriesFound | undefined): void {
    if (found !== undefined && found.retiredThrough > 0) this.#options.retired(found.retiredThrough)
    this.#came(work, node, found?.entries ?? [])
  }

  #came(work: Work, node: string, entries: readonly LogEntry[]): void {
    if (work !== this.#work) return
    const { hole } = work
    for (const entry of entries) {
      if (!follows(work, entry)) break
      work.entries.push(entry)
      work.previous = entry
      if (entry.index === hole.lastIndex) {
        this.#fill(work)
        return
      }
    }
    const isWhole = entries.length > 0 && work.entries.at(-1) === entries.at(-1)
    if (isWhole) this.#ask(work, node)
    else this.#end(work)
  }

  /** The peer has no more of the hole. */
  #end(work: Work): void {
    const { hole, entries } = work
    const other = entries.findIndex(({ term }) => term !== hole.term)
    const part = other < 0 ? entries : entries.slice(0, other)
    if (takesPart(hole) && part.length > this.#part.length) this.#part = part
    const isLast = this.#failures >= this.#options.peers().length
    if (isLast && this.#part.length > 0) this.#write({ ...work, entries: [...this.#part] })
    else this.#passOver(hole)
  }

  #fill(work: Work): void {
    const { log } = this.#options
    const { hole, entries } = work
    const isThere = log
      .holes()
      .some((each) => each.firstIndex === hole.firstIndex && sameEnd(each, hole))
    const last = entries.at(-1)!
    const isIt = last.term === hole.last.term && sameChain(last.chain, hole.last.chain)
    if (!isThere) this.#next()
    else if (!isIt) this.#passOver(work.hole)
    else this.#write(work)
  }

  #write(work: Work): void {
    const { key, storage, inTurn } = this.#options
    this.#work = work
    this.#part = []
    const written = (error?: Error) => inTurn(() => this.#filled(work, error))
    storage.repair(key, work.hole, work.entries, written)
  }

  #filled(work: Work, error: Error | undefined): void {
    if (work !== this.#work) return
    const { firstIndex, file, from, to } = work.hole
    const lastIndex = work.entries.at(-1)!.index
    const { event, repaired } = this.#options
    if (error !== undefined) {
      event('storage.repair-failed', {
        file,
        from,
        to,
        firstIndex,
        lastIndex,
        error: error.message,
      })
      this.#passOver(work.hole)
      return
    }
    event('storage.repaired', { file, from, to, firstIndex, lastIndex, peer: work.node })
    repaired(work.entries)
    this.#next()
  }

  #next(): void {
    this.#work = undefined
    this.#part = []
    this.#failures = 0
    this.look()
  }

  /** The own disk or a peer could not help: the next peer, and after the last the next hole. */
  #passOver(hole: LogHole): void {
    this.#work = undefined
    this.#failures += 1
    if (this.#failures > this.#options.peers().length) {
      this.#part = []
      this.#failures = 0
      this.#fromIndex = hole.lastIndex + 1
    }
    this.look()
  }
}

function sameEnd(one: LogHole, other: LogHole): boolean {
  return one.lastIndex === other.lastIndex && sameChain(one.last.chain, other.last.chain)
}

/** Is this the next entry of the hole, as its maker wrote it? */
function follows({ hole, entries, previous }: Work, entry: LogEntry): boolean {
  if (entry.index !== hole.firstIndex + entries.length) return false
  const fault = previous === undefined ? verifyPayload(entry) : verifyEntry(previous, entry)
  return fault === undefined
}

/** Whom a replica of this configuration may ask, each node once. */
export function peerNodes(
  {
    voters,
    outgoing = [],
    learners = [],
  }: {
    readonly voters: readonly ReplicaId[]
    readonly outgoing?: readonly ReplicaId[]
    readonly learners?: readonly ReplicaId[]
  },
  self: ReplicaId,
  nodeOf: (replica: ReplicaId) => string | undefined,
): readonly string[] {
  const others = [...voters, ...outgoing, ...learners].filter((replica) => replica !== self)
  const own = nodeOf(self)
  const nodes = new Set(others.map(nodeOf))
  return [...nodes].filter((node): node is string => node !== undefined && node !== own)
}
