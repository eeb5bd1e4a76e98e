// Plays the operations that concern one replica's log, on the node and on what the model knows of the
// replica alike: what is asked for now, and what is promised once storage says that it is done.
import type { LogEntry } from '../../src/storage/log-entry.ts'
import type { GroupLog, PersistRequest } from '../../src/storage/storage.ts'
import type { Operation, Replica } from './crash-replica.ts'
import { makeRecords, type TestNode } from './harness.ts'
import { type Seen, snapshotAt, stateAt } from './replica-check.ts'

export class ReplicaPlayer {
  readonly #node: TestNode
  readonly #seen: Seen
  /** Completions of an earlier life must not come. */
  readonly #life: () => number

  constructor(node: TestNode, seen: Seen, life: () => number) {
    this.#node = node
    this.#seen = seen
    this.#life = life
  }

  play(replica: Replica, operation: Operation): void {
    const log = this.#node.log(replica.key)
    switch (operation.kind) {
      case 'append':
        this.#append(replica, operation, undefined)
        return
      case 'replace':
        this.#append(replica, operation, Math.max(replica.commit, log.lastIndex - operation.count))
        return
      case 'vote':
        this.#persist(replica, [], undefined, replica.term + 1)
        return
      case 'commit':
      case 'roll':
        this.#commit(replica, log, operation)
        return
      case 'checkpoint':
        this.#checkpoint(replica, log)
        return
      case 'retain':
        this.#retain(replica, log)
        return
      case 'install':
        this.#install(replica, operation)
        return
      case 'read':
        this.#read(log, operation)
        return
    }
  }

  #append(replica: Replica, { count, size }: Operation, after: number | undefined): void {
    const kept = after === undefined ? replica.entries : replica.entries.slice(0, after)
    const previous = kept.at(-1)
    const sizes = Array.from(
      { length: 1 + (count % 4) },
      (_, number) => (size * (number + 1)) % 5000,
    )
    const term = after === undefined ? Math.max(replica.term, 1) : replica.term + 1
    const begin = previous ?? { index: 0, term: 0, chain: { high: 0, low: 0 } }
    const entries = makeRecords(begin, previous?.nextOffset ?? 0, sizes, term)
    this.#persist(replica, entries, after, term === replica.term ? undefined : term)
  }

  #persist(
    replica: Replica,
    entries: readonly LogEntry[],
    truncateAfter: number | undefined,
    term: number | undefined,
  ): void {
    let current = replica.entries
    if (truncateAfter !== undefined) {
      current = current.slice(0, truncateAfter)
      replica.versions.push({ entries: current })
    }
    for (const entry of entries) {
      current = [...current, entry]
      replica.versions.push({ entries: current })
    }
    const request = { entries, ...(truncateAfter === undefined ? {} : { truncateAfter }) }
    this.#ask(replica, request, term)
  }

  /** Everything up to the newest version is promised when it is done. */
  #ask(
    replica: Replica,
    request: PersistRequest,
    term: number | undefined,
    then = (): void => {},
  ): void {
    const life = this.#life()
    const promises = replica.versions.length - 1
    if (term !== undefined) replica.terms.push(term)
    const hardState = term === undefined ? {} : { hardState: { term, votedFor: term % 3 } }
    this.#node.storage.persist(replica.key, { ...request, ...hardState }, (error) => {
      if (error !== undefined) throw error
      if (life !== this.#life()) throw new Error('a completion from an earlier life')
      if (promises < replica.promised) throw new Error('completions out of order')
      replica.promised = promises
      if (term !== undefined) replica.promisedTerm = Math.max(replica.promisedTerm, term)
      then()
    })
  }

  /** What a leader sends whose log begins behind the end of this one. */
  #install(replica: Replica, { count, size }: Operation): void {
    const term = Math.max(replica.term, 1)
    const sizes = [size % 3000, 100, count * 50]
    const last = replica.entries.at(-1)
    const begin = last ?? { index: 0, term: 0, chain: { high: 0, low: 0 } }
    const sent = makeRecords(begin, last?.nextOffset ?? 0, sizes, term)
    const full = [...replica.entries, ...sent]
    const mark = sent[count % 3]!
    const entries = full.slice(mark.index)
    for (let index = mark.index; index <= full.length; index += 1) {
      replica.versions.push({ entries: full.slice(0, index) })
    }
    replica.commit = mark.index
    replica.lastRoll = 0
    const { configuration } = this.#node.storage.groups.get(replica.key)!
    const snapshot = snapshotAt(mark, configuration)
    replica.installing += 1
    this.#ask(replica, { snapshot, entries }, term === replica.term ? undefined : term, () => {
      replica.installing -= 1
      replica.promisedStart = Math.max(replica.promisedStart, mark.index)
      replica.checkpoints.push(mark.index)
      this.#seen.installs += 1
    })
  }

  #commit(replica: Replica, log: GroupLog, { kind, count }: Operation): void {
    const index = Math.min(log.lastIndex, replica.commit + count)
    if (index <= log.base.index) return
    replica.commit = index
    if (kind === 'roll') {
      log.roll(index)
      replica.lastRoll = index
    }
    log.commit(index)
  }

  #checkpoint(replica: Replica, log: GroupLog): void {
    const index = replica.lastRoll
    const point = log.pointAt(index)
    if (index === 0 || point === undefined || replica.checkpoints.includes(index)) return
    const life = this.#life()
    const state = stateAt(index)
    this.#node.storage.saveCheckpoint(replica.key, { ...point, state }, (error) => {
      if (error === undefined && life === this.#life() && !replica.checkpoints.includes(index)) {
        replica.checkpoints.push(index)
        replica.checkpoints.sort((one, other) => one - other)
      }
    })
  }

  #retain(replica: Replica, log: GroupLog): void {
    const life = this.#life()
    log.dropBelow(replica.lastRoll, (error, startIndex) => {
      if (error !== undefined && this.#node.failure === undefined) throw error
      // Until a snapshot is durable its start is only in memory.
      if (error !== undefined || replica.installing > 0) return
      if (life === this.#life()) replica.promisedStart = Math.max(replica.promisedStart, startIndex)
    })
  }

  #read(log: GroupLog, { count, size }: Operation): void {
    const offset = log.start.endOffset + (size % Math.max(log.endOffset - log.start.endOffset, 1))
    const limit = { index: log.lastIndex, bytes: 100 + count * 100 }
    log.read({ offset }, limit, (error, previous, entries) => {
      if (error?.code === 'QUORATE_OFFSET_OUT_OF_RANGE' || error?.code === 'QUORATE_CLOSED') return
      const isKnown = error?.code === 'QUORATE_STORAGE_DAMAGED' && log.holes().length > 0
      if (isKnown || this.#node.failure !== undefined) return
      if (error !== undefined) throw error
      const first = entries[0]
      if (first === undefined) return
      if (
        first.baseOffset > offset ||
        first.nextOffset <= offset ||
        previous.index !== first.index - 1
      ) {
        throw new Error(`offset ${offset} read at ${first.baseOffset}..${first.nextOffset}`)
      }
    })
  }
}
