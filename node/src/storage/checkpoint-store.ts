// Writes and reads checkpoint files while the node runs, and removes those that are no longer
// needed: kept are all at or above the log start (each may become the snapshot) and the newest two.
// The caller has made sure that the WAL holds the index. File layout: checkpoint.ts.
import { sameChain } from './chain.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts'
import type { Disk } from './disk.ts'
import { ofDisk } from './disk-error.ts'
import type { GroupLogState } from './group-log.ts'
import type { Pending } from './pending.ts'
import type { Remover } from './remover.ts'
import { replaceFile } from './replace-file.ts'
import { checkpointPath } from './replica-files.ts'
import type { SegmentOwner } from './segment.ts'
import type { WalIdentity } from './wal-file.ts'

const keptAlways = 2

export class CheckpointStore {
  readonly #disk: Disk
  readonly #identity: WalIdentity
  readonly #remover: Remover
  readonly #pending: Pending
  /** Files being written, and who waits for them. */
  readonly #writing = new Map<string, ((error?: Error) => void)[]>()

  constructor(disk: Disk, identity: WalIdentity, remover: Remover, pending: Pending) {
    this.#disk = disk
    this.#identity = identity
    this.#remover = remover
    this.#pending = pending
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

  /** Undefined when there is none at that index, or none that can be read. */
  read(
    log: GroupLogState,
    index: number,
    done: (checkpoint: Checkpoint | undefined) => void,
  ): void {
    this.#disk.open(checkpointPath(log.folder, index), 'read', (openError, file) => {
      if (openError !== undefined) {
        done(undefined)
        return
      }
      const bytes = new Uint8Array(file.sizeSync())
      file.read(bytes, 0, (error, read) => {
        file.close()
        const whole = error === undefined && read === bytes.byteLength
        const checkpoint = whole ? decodeCheckpoint(this.#owner(log), bytes) : undefined
        done(checkpoint === 'version' ? undefined : checkpoint)
      })
    })
  }

  /** It is damaged. Above the log start it is only a spare: another one is taken in its place. */
  discard(log: GroupLogState, index: number): void {
    if (index <= log.start.index || !log.checkpointList.includes(index)) return
    log.checkpointList = log.checkpointList.filter((each) => each !== index)
    this.#remover.remove(checkpointPath(log.folder, index))
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
