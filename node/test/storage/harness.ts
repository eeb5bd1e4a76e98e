// A node's storage on a simulated disk, for the tests of this folder: formats, opens, crashes and
// opens again, and makes entries as a leader would.
import { ActorSystem, keyedRandom } from '@quorate/actors'
import { type SimulatedHost, Simulation } from '@quorate/actors/testing'
import { chunksOf, encodeBatch, readBatchHeader, stampBatch } from '@quorate/protocol'
import type { LogPoint } from '@quorate/raft'
import { SimulatedDisk } from '../../src/simulation/simulated-disk.ts'
import { makeEntry } from '../../src/storage/entry-format.ts'
import { formatNode } from '../../src/storage/format.ts'
import { EntryType, type LogEntry } from '../../src/storage/log-entry.ts'
import { newPlan, type Plan } from '../../src/storage/plan.ts'
import {
  type GroupLog,
  type LogHole,
  type OpenedStorage,
  openStorage,
  type Storage,
  type StorageEvent,
  type StorageOptions,
} from '../../src/storage/storage.ts'

export const folder = '/data/n1'
export const metadata = '0-0'

export function testPlan(): Plan {
  let count = 0
  return newPlan([{ id: 'n1', address: 'localhost:4222' }], (digits) => {
    count += 1
    return String(count).padStart(digits, 'a')
  })
}

/** Small files, so that a short test crosses every border. */
export const smallOptions: Omit<StorageOptions, 'random'> = {
  walFileBytes: 64 * 1024,
  walBatchBytesMax: 16 * 1024,
  cacheBytesMax: 8 * 1024,
  indexIntervalBytes: 1024,
}

export class TestNode {
  readonly simulation: Simulation
  readonly disk: SimulatedDisk
  readonly options: Omit<StorageOptions, 'random'>
  readonly events: StorageEvent[] = []
  opened!: OpenedStorage
  storage!: Storage
  failure: Error | undefined
  /** What reads have found. */
  readonly holes: LogHole[] = []
  #host!: SimulatedHost
  #lives = 0

  constructor(seed: string, options: Omit<StorageOptions, 'random'> = smallOptions) {
    this.simulation = new Simulation(seed)
    this.options = options
    this.disk = new SimulatedDisk({
      name: 'n1/disk',
      scheduler: this.simulation,
      random: this.simulation.random,
    })
    const disk = this.disk.process()
    disk.makeFolderSync('/data')
    disk.syncFolderSync('/')
    formatNode(disk, testPlan(), 'n1', folder)
  }

  open(): this {
    this.#lives += 1
    this.#host = this.simulation.host('n1')
    const random = keyedRandom(`${this.simulation.seed}/${this.#lives}`)
    const process = this.disk.process(this.#host)
    this.opened = openStorage(process, folder, { ...this.options, random })
    const system = new ActorSystem({ name: 'n1', host: this.#host, random })
    this.failure = undefined
    this.storage = this.opened.start(system, {
      failed: (error) => {
        this.failure = error
      },
      event: (event) => this.events.push(event),
      holeFound: (_group, hole) => this.holes.push(hole),
    })
    return this
  }

  crash(kind: 'kill' | 'power'): this {
    this.disk.crash(kind)
    this.#host.crash()
    return this
  }

  log(key: string = metadata): GroupLog {
    const group = this.storage.groups.get(key)
    if (group === undefined) throw new Error(`no group ${key}`)
    return group.log
  }

  run(forMs: number): this {
    this.simulation.runUntil(this.simulation.nowMs + forMs)
    return this
  }

  /** Runs until `done` of the started call comes; throws after 10 simulated seconds. */
  wait<Result extends readonly unknown[]>(
    start: (done: (...result: Result) => void) => void,
  ): Result {
    let settled: Result | undefined
    start((...result) => {
      settled = result
    })
    const limit = this.simulation.nowMs + 10_000
    if (!this.simulation.runUntilTrue(() => settled !== undefined, limit)) {
      throw new Error('nothing came back')
    }
    return settled!
  }

  persist(entries: readonly LogEntry[], key: string = metadata): void {
    const [error] = this.wait<[Error?]>((done) => this.storage.persist(key, { entries }, done))
    if (error !== undefined) throw error
  }

  /** Appends entries of these payload sizes in the term, as records. */
  append(sizes: readonly number[], term: number, key: string = metadata): LogEntry[] {
    const log = this.log(key)
    const entries = makeRecords(log.pointAt(log.lastIndex)!, log.endOffset, sizes, term)
    this.setTerm(term, key)
    this.persist(entries, key)
    return entries
  }

  setTerm(term: number, key: string = metadata): void {
    const { hardState } = this.storage.groups.get(key)!
    if (hardState.term >= term) return
    this.wait<[Error?]>((done) => {
      this.storage.persist(key, { hardState: { term, votedFor: 1 }, entries: [] }, done)
    })
  }

  create(topicId: number, replicaId: number): void {
    const [error] = this.wait<[Error?, GroupLog?]>((done) => {
      const group = { topicId, partition: 0 }
      const hardState = { term: 0, votedFor: 0 }
      this.storage.createReplica(group, replicaId, { voters: [replicaId] }, hardState, 1, done)
    })
    if (error !== undefined) throw error
  }

  /** Some entries from the index on, at least one; or why there are none. */
  readSome(index: number, key: string = metadata): readonly LogEntry[] | Error {
    const log = this.log(key)
    const limit = { index: log.lastIndex, bytes: 4096 }
    const [error, , entries] = this.wait<[Error | undefined, LogPoint, readonly LogEntry[]]>(
      (done) => log.read({ index }, limit, done),
    )
    if (error !== undefined) return error
    return entries.length > 0 ? entries : new Error(`nothing at ${index}`)
  }

  /**
   * What a group decides when nobody has a copy: entries that nothing proves to have been written
   * never were.
   */
  dropUndecided(): this {
    for (const [key, { log }] of this.storage.groups) {
      const hole = log.holes().find(({ evidence }) => evidence === 'begun')
      if (hole === undefined) continue
      const request = { truncateAfter: hole.firstIndex - 1, entries: [] }
      this.wait<[Error?]>((done) => this.storage.persist(key, request, done))
    }
    return this
  }

  /** The whole retained log, read through the reader. */
  readAll(key: string = metadata): LogEntry[] {
    const log = this.log(key)
    const entries: LogEntry[] = []
    let index = log.firstIndex
    while (index <= log.lastIndex) {
      const some = this.readSome(index, key)
      if (some instanceof Error) throw some
      entries.push(...some)
      index = entries.at(-1)!.index + 1
    }
    return entries
  }
}

/** Record batches; each size is the value's, one record per entry. */
export function makeRecords(
  previous: LogPoint,
  baseOffset: number,
  sizes: readonly number[],
  term: number,
): LogEntry[] {
  const entries: LogEntry[] = []
  let before = previous
  let offset = baseOffset
  for (const size of sizes) {
    const value = new Uint8Array(size).fill((offset * 7 + size) % 251)
    const batch = encodeBatch([{ key: null, value, timestampMs: 1 }], {
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
    })
    const payload = stampBatch(chunksOf(batch), offset, term)
    const entry = makeEntry(before, {
      term,
      type: EntryType.records,
      appendTimeMs: 1000 + before.index,
      payload,
      recordsHeader: readBatchHeader(payload),
    })
    entries.push(entry)
    before = entry
    offset = entry.nextOffset
  }
  return entries
}

export function makeMark(previous: LogPoint, term: number): LogEntry {
  return makeEntry(previous, {
    term,
    type: EntryType.termStart,
    appendTimeMs: 1000 + previous.index,
    payload: chunksOf(),
  })
}
