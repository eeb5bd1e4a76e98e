// Writes and reads checkpoint files while the node runs, and removes those that are no longer
// needed: kept are all at or above the log start (each may become the snapshot) and the newest two. One
// that turns out damaged is told of, and taken from the list.
// The caller has made sure that the WAL holds the index. File layout: checkpoint.ts.
import { sameChain } from './chain.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'
import type { Disk, DiskError } from './disk.ts'
import { ofDisk } from './disk-error.ts'
import type { GroupLogState } from './group-log.ts'
import type { Pending } from './pending.ts'
import { mayBeDamage } from './read-damage.ts'
import type { Remover } from './remover.ts'
import { replaceFile } from './replace-file.ts'
import { checkpointPath } from './replica-files.ts'
import type { ScrubFinding } from './scrub-items.ts'
import type { SegmentOwner } from './segment.ts'
import type { WalIdentity } from './wal-file.ts'

const keptAlways = 2

export class CheckpointStore {
  readonly #disk: Disk
  readonly #identity: WalIdentity
  readonly #remover: Remover
  readonly #pending: Pending
  /** A read met damage. */
  readonly #found: (finding: ScrubFinding) => void
  /** Files being written, and who waits for them. */
  readonly #writing = new Map<string, ((error?: Error) => void)[]>()

  constructor(
    disk: Disk,
    identity: WalIdentity,
    remover: Remover,
    pending: Pending,
    found: (finding: ScrubFinding) => void,
  ) {
    this.#disk = disk
    this.#identity = identity
    this.#remover = remover
    this.#pending = pending
    this.#found = found
  }

  save(log: GroupLogState, checkpoint: Checkpoint, done: (error?: Error) => void): void {
    const { index } = checkpoint
    const point = log.pointAt(index)
    if (index > log.durableIndex || index < log.start.index) {
      done(
        new Error(
          `${log.key}: checkpoint ${index} outside of ${log.start.index}..${log.durableIndex}`,
        ),
      )
      return
    }
    if (point !== undefined && !sameChain(point.chain, checkpoint.chain)) {
      done(new Error(`${log.key}: checkpoint ${index} is not of this log`))
      return
    }
    const path = checkpointPath(log.folder, index)
    const writing = this.#writing.get(path)
    if (writing !== undefined) {
      // The same state again: two writers would share one temporary name.
      writing.push(done)
      return
    }
    const bytes = encodeCheckpoint(this.#owner(log), checkpoint)
    const waiting = [done]
    this.#writing.set(path, waiting)
    const ended = this.#pending.begin()
    replaceFile(this.#disk, path, bytes, (error) => {
      ended()
      this.#writing.delete(path)
      if (error === undefined) this.#written(log, index)
      for (const call of waiting) call(error === undefined ? undefined : ofDisk(error))
    })
  }

  #written(log: GroupLogState, index: number): void {
    if (index === log.start.index) log.damaged.checkpointFound()
    if (!log.checkpointList.includes(index)) {
      log.checkpointList.push(index)
      log.checkpointList.sort((one, other) => one - other)
    }
    this.removeObsolete(log)
  }

  /** The newest readable one. */
  newest(log: GroupLogState, done: (checkpoint: Checkpoint | undefined) => void): void {
    const indexes = [...log.checkpointList].filter((index) => index >= log.start.index)
    const next = (): void => {
      const index = indexes.pop()
      if (index === undefined) {
        done(undefined)
        return
      }
      this.read(log, index, (checkpoint) => {
        if (checkpoint === undefined) next()
        else done(checkpoint)
      })
    }
    next()
  }

  /** Undefined when there is none at that index, or none that can be read: then it is told of. */
  read(
    log: GroupLogState,
    index: number,
    done: (checkpoint: Checkpoint | undefined) => void,
  ): void {
    this.#readOnce(log, index, (found) => {
      if (typeof found !== 'string') done(found)
      // A read may be wrong once.
      else this.#readOnce(log, index, (again) => done(this.#believed(log, index, again)))
    })
  }

  #believed(
    log: GroupLogState,
    index: number,
    found: Checkpoint | string | undefined,
  ): Checkpoint | undefined {
    if (typeof found !== 'string') return found
    if (this.#isKept(log, index)) {
      const range = { from: 0, to: 0, firstIndex: index, lastIndex: index, detail: found }
      this.#found({ log, file: checkpointPath(log.folder, index), range })
    }
    return undefined
  }

  /** A string: why what should be there is damaged. */
  #readOnce(
    log: GroupLogState,
    index: number,
    done: (found: Checkpoint | string | undefined) => void,
  ): void {
    const failed = (error: DiskError) => done(mayBeDamage(error) ? error.message : undefined)
    this.#disk.open(checkpointPath(log.folder, index), 'read', (openError, file) => {
      if (openError !== undefined) {
        failed(openError)
        return
      }
      const bytes = new Uint8Array(file.sizeSync())
      file.read(bytes, 0, (error, read) => {
        file.close()
        if (error !== undefined) failed(error)
        else done(this.#decoded(log, index, bytes.subarray(0, read)))
      })
    })
  }

  #decoded(log: GroupLogState, index: number, bytes: Uint8Array): Checkpoint | string | undefined {
    const checkpoint = decodeCheckpoint(this.#owner(log), bytes)
    if (checkpoint === undefined) return 'it is damaged'
    if (checkpoint === 'version') return undefined
    return checkpoint.index === index ? checkpoint : `it is of index ${checkpoint.index}`
  }

  #isKept(log: GroupLogState, index: number): boolean {
    if (log.dropped || !log.checkpointList.includes(index)) return false
    return !this.#writing.has(checkpointPath(log.folder, index))
  }

  /**
   * It is damaged. Above the log start it is only a spare: another one is taken in its place. The one
   * at the log start is lost, and stays where it is until another replica's copy replaces it.
   */
  damaged(log: GroupLogState, index: number): void {
    const { start } = log
    if (!this.#isKept(log, index) || index < start.index) return
    log.checkpointList = log.checkpointList.filter((each) => each !== index)
    if (index > start.index) this.#remover.remove(checkpointPath(log.folder, index))
    else if (index > 0) log.owner.holeFound(log, log.damaged.checkpointLost())
  }

  removeObsolete(log: GroupLogState): void {
    const newest = log.checkpointList.slice(-keptAlways)
    const startIndex = log.oldStartIndex ?? log.start.index
    const obsolete = log.checkpointList.filter(
      (index) => index < startIndex && !newest.includes(index),
    )
    log.checkpointList = log.checkpointList.filter((index) => !obsolete.includes(index))
    for (const index of obsolete) {
      this.#remover.remove(checkpointPath(log.folder, index))
    }
  }

  #owner(log: GroupLogState): SegmentOwner {
    return { identity: this.#identity, group: log.group, replicaId: log.replicaId }
  }
}
