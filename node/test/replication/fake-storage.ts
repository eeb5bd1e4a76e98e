// Storage of one group in memory, for tests of what stands above it. Entries appear in the log at
// once; nothing is durable and no completion is called before the test says so.
import { QuorateError } from '@quorate/protocol'
import type { Configuration, HardState } from '@quorate/raft'
import { chainText, logBegin } from '../../src/storage/chain.ts'
import type { GroupId, LogEntry } from '../../src/storage/log-entry.ts'
import type {
  Checkpoint,
  Done,
  GroupLog,
  LogHole,
  LogMark,
  PersistRequest,
  ReadFrom,
  ReadLimit,
  RecoveredGroup,
  Storage,
} from '../../src/storage/storage.ts'

const begin: LogMark = { ...logBegin, endOffset: 0, appendTimeMs: 0 }

function markOf(entry: LogEntry, before: LogMark): LogMark {
  const { index, term, chain, appendTimeMs, nextOffset } = entry
  return {
    index,
    term,
    chain,
    appendTimeMs,
    endOffset: nextOffset < 0 ? before.endOffset : nextOffset,
  }
}

type ReadDone = Parameters<GroupLog['read']>[2]

export class FakeLog implements GroupLog {
  readonly group: GroupId
  readonly replicaId: number
  entries: LogEntry[] = []
  start: LogMark = begin
  durableIndex = 0
  committed = 0
  /** Entries up to here are read on a later turn, when the test says so. */
  coldIndex = 0
  readonly rolls: number[] = []
  readonly drops: number[] = []
  readonly coldReads: (() => void)[] = []
  checkpointList: number[] = []
  readError: QuorateError | undefined
  cleanThrough = Number.POSITIVE_INFINITY
  holeList: readonly LogHole[] = []

  constructor(group: GroupId, replicaId: number) {
    this.group = group
    this.replicaId = replicaId
  }

  holes(): readonly LogHole[] {
    return this.holeList
  }

  get firstIndex(): number {
    return this.start.index + 1
  }
  get lastIndex(): number {
    return this.start.index + this.entries.length
  }
  get base(): LogMark {
    return this.mark(Math.max(this.coldIndex, this.start.index))
  }
  get endOffset(): number {
    return this.mark(this.lastIndex).endOffset
  }
  get lastAppendTimeMs(): number {
    return this.mark(this.lastIndex).appendTimeMs
  }
  get sizeBytes(): number {
    return this.entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  }

  mark(index: number): LogMark {
    let mark = this.start
    for (const entry of this.entries) {
      if (entry.index > index) break
      mark = markOf(entry, mark)
    }
    return mark
  }

  entryAt(index: number): LogEntry | undefined {
    return this.entries[index - this.firstIndex]
  }

  pointAt(index: number): LogMark | undefined {
    return index < this.base.index || index > this.lastIndex ? undefined : this.mark(index)
  }

  entriesFrom(index: number): readonly LogEntry[] {
    if (index <= this.coldIndex) throw new Error(`entry ${index} is not in memory`)
    return this.entries.slice(index - this.firstIndex)
  }

  append({ truncateAfter, snapshot, entries }: PersistRequest): void {
    if (snapshot !== undefined) {
      this.start = snapshot.mark
      this.entries = []
      this.durableIndex = 0
      this.coldIndex = 0
      this.committed = snapshot.mark.index
    }
    if (truncateAfter !== undefined) this.entries.length = truncateAfter - this.start.index
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`a gap before ${entry.index}`)
      this.entries.push(entry)
    }
  }

  commit(index: number): void {
    if (index > this.lastIndex) throw new Error(`commit ${index} above ${this.lastIndex}`)
    this.committed = Math.max(this.committed, index)
  }

  roll(index: number): void {
    if (!this.rolls.includes(index)) this.rolls.push(index)
  }

  read(from: ReadFrom, limit: ReadLimit, done: ReadDone): void {
    const index =
      'index' in from
        ? from.index
        : (this.entries.find(({ nextOffset }) => nextOffset > from.offset)?.index ??
          this.lastIndex + 1)
    const answer = (): void => {
      if (this.readError !== undefined) {
        done(this.readError, this.start, [])
        return
      }
      const entries: LogEntry[] = []
      let bytes = 0
      for (const entry of this.entries.slice(index - this.firstIndex)) {
        bytes += entry.sizeBytes
        if (entry.index > limit.index || (entries.length > 0 && bytes > limit.bytes)) break
        entries.push(entry)
      }
      done(undefined, this.mark(index - 1), entries)
    }
    if (index < this.firstIndex) {
      done(new QuorateError('QUORATE_OFFSET_OUT_OF_RANGE', 'below log start'), this.start, [])
    } else if (index <= this.coldIndex) this.coldReads.push(answer)
    else answer()
  }

  offsetAtTime(
    timeMs: number,
    limitIndex: number,
    done: Parameters<GroupLog['offsetAtTime']>[2],
  ): void {
    const found = this.entries.find(
      (entry) => entry.appendTimeMs >= timeMs && entry.baseOffset >= 0 && entry.index <= limitIndex,
    )
    const place = found && { offset: found.baseOffset, appendTimeMs: found.appendTimeMs }
    this.coldReads.push(() => done(this.readError, place))
  }

  dropBelow(index: number): void {
    this.drops.push(index)
  }

  checkpoints(): readonly number[] {
    return this.checkpointList
  }

  segments(): [] {
    return []
  }

  /** The index and chain of the last entry, for comparing logs. */
  get end(): string {
    const { index, chain } = this.mark(this.lastIndex)
    return `${index} ${chainText(chain)}`
  }
}

interface Waiting {
  readonly request: PersistRequest
  readonly done: Done
}

export interface FakeGroup {
  readonly replicaId: number
  readonly configuration: Configuration
  readonly hardState?: HardState
  readonly condition?: RecoveredGroup['condition']
}

export class FakeStorage {
  readonly group: GroupId
  readonly log: FakeLog
  readonly persisted: PersistRequest[] = []
  /** Persist requests that are not on disk yet, oldest first. */
  readonly waiting: Waiting[] = []
  readonly recoveries: (() => void)[] = []
  readonly saves: { readonly checkpoint: Checkpoint; readonly done: Done }[] = []
  hardState: HardState
  /** What was made durable of the log's end, in order. */
  readonly tails: string[] = []
  checkpoint: Checkpoint | undefined
  refusing: 'QUORATE_DISK_FULL' | 'QUORATE_OVERLOADED' | undefined
  recoverError: Error | undefined
  readonly #of: FakeGroup

  constructor(group: GroupId, of: FakeGroup) {
    this.group = group
    this.#of = of
    this.log = new FakeLog(group, of.replicaId)
    this.hardState = of.hardState ?? { term: 0, votedFor: 0 }
  }

  /** As the code under test is given it. */
  get storage(): Storage {
    return this as unknown as Storage
  }

  get recovered(): RecoveredGroup {
    const { replicaId, configuration } = this.#of
    return {
      group: this.group,
      replicaId,
      configuration,
      condition: this.#of.condition ?? 'clean',
      hardState: this.hardState,
      log: this.log,
      ...(this.checkpoint === undefined ? {} : { checkpoint: this.checkpoint }),
    }
  }

  recover(_key: string, done: (error?: Error, recovered?: RecoveredGroup) => void): void {
    this.recoveries.push(() => {
      if (this.recoverError === undefined) done(undefined, this.recovered)
      else done(this.recoverError)
    })
  }

  /** Damage stays. */
  reread(_key: string, _hole: LogHole, done: () => void): void {
    done()
  }

  persist(_key: string, request: PersistRequest, done: Done): void {
    if (request.hardState !== undefined) this.hardState = request.hardState
    this.log.append(request)
    this.persisted.push(request)
    this.waiting.push({ request, done })
  }

  /** The next requests are on disk; all of them without a number. */
  sync(count = this.waiting.length): void {
    for (const { request, done } of this.waiting.splice(0, count)) {
      const last = request.entries.at(-1) ?? request.snapshot?.mark
      if (last !== undefined) this.log.durableIndex = Math.max(this.log.durableIndex, last.index)
      done()
    }
  }

  fail(error: Error): void {
    this.waiting.shift()!.done(error)
  }

  writable(): FakeStorage['refusing'] {
    return this.refusing
  }

  readCheckpoint(
    _key: string,
    index: number,
    done: Parameters<Storage['readCheckpoint']>[2],
  ): void {
    done(this.checkpoint?.index === index ? this.checkpoint : undefined)
  }

  setTailKnown(_key: string, done: Done): void {
    this.tails.push('known')
    done()
  }

  setTailUnknown(_key: string, reason: string, done: Done): void {
    this.tails.push(reason)
    done()
  }

  saveCheckpoint(_key: string, checkpoint: Checkpoint, done: Done): void {
    this.saves.push({ checkpoint, done })
  }

  /** The oldest checkpoint under way is on disk, or is not. */
  saved(error?: Error): void {
    const { checkpoint, done } = this.saves.shift()!
    if (error === undefined) this.log.checkpointList.push(checkpoint.index)
    done(error)
  }
}
