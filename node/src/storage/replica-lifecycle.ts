// Creates and drops replicas while the node runs. Creation: folder, then hard state in both files,
// then the executed index in both, so that an executed creation without files is known to be lost
// and never taken for one that has not happened. Dropping: WAL record, slot, executed index,
// manifest, then the files by way of the trash. Only committed metadata entries lead here.
import type { LostReplica } from './amnesia.ts'
import type { DiskError } from './disk.ts'
import { ofDisk } from './disk-error.ts'
import { GroupLogState } from './group-log.ts'
import { type HardStateRecord, nodePair } from './hard-state-format.ts'
import type { RecoveredHardState } from './hard-state-recovery.ts'
import type { GroupKey } from './log-entry.ts'
import { groupKey } from './log-entry.ts'
import { Pending } from './pending.ts'
import { PersistOrder, PersistStep } from './persist-order.ts'
import type { Replica } from './replica.ts'
import {
  groupsFolder,
  replicaFolder,
  replicaFolderName,
  replicaName,
  trashFolder,
} from './replica-files.ts'
import type { StorageParts } from './storage-parts.ts'
import { logBeginMark } from './tail.ts'

export class ReplicaLifecycle {
  readonly #parts: StorageParts
  readonly #replicas: Map<GroupKey, Replica>
  /** Pairs that hold no replica, for the next ones. */
  readonly #freePairs: number[]
  #nextPair: number
  #capacity: number
  #executedIndex: number
  readonly #creating = new Set<GroupKey>()
  /** Replicas whose term and vote are lost: they lie here until they are dropped. */
  readonly #lost: Map<string, LostReplica>
  readonly #underWay = new Pending()
  /** Creations that wait until the dropped replica of their group is gone. */
  readonly #dropping = new Map<GroupKey, (() => void)[]>()

  constructor(
    parts: StorageParts,
    replicas: Map<GroupKey, Replica>,
    hard: RecoveredHardState,
    lost: readonly LostReplica[],
    executedIndex: number,
  ) {
    this.#parts = parts
    this.#replicas = replicas
    this.#capacity = hard.capacity
    this.#executedIndex = executedIndex
    this.#lost = new Map(lost.map((each) => [replicaName(each), each]))
    this.#freePairs = hard.pairs
      .filter(({ slot }) => slot.content.kind === 'free')
      .map(({ pair }) => pair)
    this.#nextPair = Math.max(...hard.pairs.map(({ pair }) => pair)) + 1
  }

  /** Calls when no creation and no drop is under way. */
  whenIdle(call: () => void): void {
    this.#underWay.whenIdle(call)
  }

  get executedIndex(): number {
    return this.#executedIndex
  }

  create(
    record: HardStateRecord,
    executedIndex: number,
    done: (error?: Error, replica?: Replica) => void,
  ): void {
    const key = groupKey(record.group)
    const dropping = this.#dropping.get(key)
    if (dropping !== undefined) {
      dropping.push(() => this.create(record, executedIndex, done))
      return
    }
    const existing = this.#replicas.get(key)
    if (existing !== undefined && existing.log.replicaId === record.replicaId) {
      this.setExecuted(executedIndex, () => done(undefined, existing))
      return
    }
    const isLost = this.#lost.has(replicaName(record))
    if (existing !== undefined || isLost || this.#creating.has(key)) {
      const why = isLost ? 'this replica is lost' : 'another replica of the group is on this node'
      const error = new Error(`${key}: ${why}`)
      this.#parts.wal.reply({ type: 'continue', run: () => done(error) })
      return
    }
    this.#creating.add(key)
    const ended = this.#underWay.begin()
    const finish = (error?: Error, replica?: Replica): void => {
      this.#creating.delete(key)
      done(error, replica)
      ended()
    }
    this.#makeFolder(key, record.replicaId, (error) => {
      if (error === undefined) this.#register(record, executedIndex, finish)
      else finish(ofDisk(error))
    })
  }

  drop(
    key: GroupKey,
    replicaId: number,
    executedIndex: number,
    done: (error?: Error, replica?: Replica) => void,
  ): void {
    const lost = this.#lost.get(replicaFolderName(key, replicaId))
    if (lost !== undefined) {
      this.#dropLost(key, lost, executedIndex, done)
      return
    }
    const replica = this.#replicas.get(key)
    if (replica === undefined || replica.log.replicaId !== replicaId) {
      this.setExecuted(executedIndex, () => done())
      return
    }
    this.#replicas.delete(key)
    this.#dropping.set(key, [])
    const { log, order } = replica
    log.dropped = true
    const ended = this.#underWay.begin()
    const finish = (): void => {
      done(undefined, replica)
      ended()
    }
    const step = new PersistStep(
      () => {
        this.#clear(replica.pair, replicaName(log), executedIndex, () => {
          this.#createWaiting(log.key)
          finish()
          log.discard()
          this.#parts.wal.reply({ type: 'release' })
          for (const { path } of log.segmentList) this.#parts.openFiles.forget(path)
          this.#trash(replicaName(log), log.folder)
        })
      },
      () => {
        this.#parts.wal.reply({
          type: 'append',
          request: {
            group: log.group,
            replicaId,
            log,
            drop: true,
            copied: false,
            truncateAfter: undefined,
            cut: [],
            entries: [],
            written: () => order.settle(step),
          },
        })
      },
      false,
    )
    order.add(step)
  }

  setExecuted(executedIndex: number, done: () => void): void {
    if (executedIndex > this.#executedIndex) this.#executedIndex = executedIndex
    this.#parts.hardState.reply({
      type: 'put',
      changes: [{ pair: nodePair, content: { kind: 'node', executedIndex: this.#executedIndex } }],
      done,
    })
  }

  #makeFolder(
    key: GroupKey,
    replicaId: number,
    done: (error: DiskError | undefined) => void,
  ): void {
    const { disk, folder } = this.#parts
    disk.makeFolder(replicaFolder(folder, key, replicaId), (error) => {
      if (error !== undefined && error.code !== 'EEXIST') done(error)
      else disk.syncFolder(groupsFolder(folder), done)
    })
  }

  #register(
    record: HardStateRecord,
    executedIndex: number,
    done: (error?: Error, replica?: Replica) => void,
  ): void {
    const { hardState } = this.#parts
    const pair = this.#freePairs.pop() ?? this.#nextPair++
    const put = (): void => {
      hardState.reply({
        type: 'put',
        changes: [{ pair, content: { kind: 'replica', record } }],
        done: () => {
          this.setExecuted(executedIndex, () => done(undefined, this.#newReplica(pair, record)))
        },
      })
    }
    this.#makeRoom(pair, (error) => {
      if (error === undefined) {
        put()
        return
      }
      this.#freePairs.push(pair)
      done(ofDisk(error))
    })
  }

  #makeRoom(pair: number, done: (error: DiskError | undefined) => void): void {
    if (pair < this.#capacity) {
      done(undefined)
      return
    }
    this.#parts.hardState.reply({
      type: 'grow',
      done: (error, capacity) => {
        this.#capacity = capacity
        if (error !== undefined) done(error)
        else this.#makeRoom(pair, done)
      },
    })
  }

  #newReplica(pair: number, record: HardStateRecord): Replica {
    const { group, replicaId } = record
    const log = new GroupLogState({
      group,
      replicaId,
      folder: replicaFolder(this.#parts.folder, groupKey(group), replicaId),
      start: logBeginMark,
      segments: [],
      checkpoints: [],
      holes: [],
    })
    return { pair, record, log, order: new PersistOrder() }
  }

  /** Its slot says what it is: once that is free, a start takes the folder for a leftover. */
  #dropLost(key: GroupKey, lost: LostReplica, executedIndex: number, done: () => void): void {
    this.#lost.delete(replicaName(lost))
    const ended = this.#underWay.begin()
    const folder = replicaFolder(this.#parts.folder, key, lost.replicaId)
    this.#clear(lost.pair, replicaName(lost), executedIndex, () => {
      done()
      ended()
      this.#trash(replicaName(lost), folder)
    })
  }

  /** The WAL says that the replica is dropped: a start would finish from here on. */
  #clear(pair: number, name: string, executedIndex: number, done: () => void): void {
    const { hardState, manifest } = this.#parts
    hardState.reply({
      type: 'put',
      changes: [{ pair, content: { kind: 'free' } }],
      done: () => {
        this.setExecuted(executedIndex, () => {
          manifest.reply({
            type: 'change',
            change: (found) => ({
              ...found,
              groups: found.groups.filter((each) => replicaName(each) !== name),
            }),
            done: () => {
              this.#freePairs.push(pair)
              done()
            },
          })
        })
      },
    })
  }

  #createWaiting(key: GroupKey): void {
    const waiting = this.#dropping.get(key) ?? []
    this.#dropping.delete(key)
    for (const create of waiting) create()
  }

  /** What an error leaves behind is removed by the next start. */
  #trash(name: string, from: string): void {
    const { disk, folder, remover, pending } = this.#parts
    const to = `${trashFolder(folder)}/${name}`
    const ended = pending.begin()
    disk.rename(from, to, (error) => {
      if (error !== undefined) {
        ended()
        return
      }
      disk.syncFolder(groupsFolder(folder), () => {
        disk.syncFolder(trashFolder(folder), () => {
          remover.removeFolder(to)
          ended()
        })
      })
    })
  }
}
