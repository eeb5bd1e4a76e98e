// Creates and drops replicas while the node runs. Creation: folder, then hard state in both files,
// then the executed index in both, so that an executed creation without files is known to be lost
// and never taken for one that has not happened. Dropping: WAL record, slot, executed index,
// manifest, then the files by way of the trash. Only committed metadata entries lead here.
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
import { groupsFolder, replicaFolder, replicaName, trashFolder } from './replica-files.ts'
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
  readonly #underWay = new Pending()
  /** Creations that wait until the dropped replica of their group is gone. */
  readonly #dropping = new Map<GroupKey, (() => void)[]>()

  constructor(
    parts: StorageParts,
    replicas: Map<GroupKey, Replica>,
    hard: RecoveredHardState,
    executedIndex: number,
  ) {
    this.#parts = parts
    this.#replicas = replicas
    this.#capacity = hard.capacity
    this.#executedIndex = executedIndex
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
    if (existing !== undefined || this.#creating.has(key)) {
      const error = new Error(`${key}: another replica of the group is on this node`)
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
      () => this.#clear(replica, executedIndex, finish),
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

  /** The WAL says that the replica is dropped: a start would finish from here on. */
  #clear(replica: Replica, executedIndex: number, done: () => void): void {
    const { hardState, manifest, wal } = this.#parts
    const { log, pair } = replica
    hardState.reply({
      type: 'put',
      changes: [{ pair, content: { kind: 'free' } }],
      done: () => {
        this.setExecuted(executedIndex, () => {
          manifest.reply({
            type: 'change',
            change: (found) => ({
              ...found,
              groups: found.groups.filter((each) => replicaName(each) !== replicaName(log)),
            }),
            done: () => {
              this.#freePairs.push(pair)
              this.#createWaiting(log.key)
              done()
              log.discard()
              wal.reply({ type: 'release' })
              this.#trash(log)
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
  #trash(log: GroupLogState): void {
    const { disk, folder, openFiles, remover, pending } = this.#parts
    const to = `${trashFolder(folder)}/${replicaName(log)}`
    for (const { path } of log.segmentList) openFiles.forget(path)
    const ended = pending.begin()
    disk.rename(log.folder, to, (error) => {
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
