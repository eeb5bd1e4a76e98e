// A model of what storage promises across crashes, and an interpreter that plays drawn operations
// on a node and the model alike. Every operation is total: one that makes no sense now does nothing,
// so any subset of a failing run is a run too.
import { expect } from 'vitest'
import { type CrashPoint, DiskCrash } from '../../src/simulation/crash-points.ts'
import { type GroupKey, groupKey } from '../../src/storage/log-entry.ts'
import { kindOfOperation, type Operation, pointOfOperation, Replica } from './crash-replica.ts'
import { applyDamage, newestBatchFile } from './damage-plan.ts'
import { damageWhileRunning, faultOf, rememberFiles } from './damage-while-running.ts'
import { folder, metadata, TestNode } from './harness.ts'
import { checkReplica, repairWhileRunning, type Seen } from './replica-check.ts'
import { ReplicaPlayer } from './replica-player.ts'

const keys = [metadata, '5-0', '6-0']

export class CrashModel {
  readonly node: TestNode
  readonly #replicas = new Map<GroupKey, Replica>()
  readonly #dropped: Replica[] = []
  #nextReplicaId = 100
  #life = 0
  /** A crash point was reached: the process is gone. */
  #crashed = false
  /** For the starts to come: each is cut off there. */
  readonly #startPoints: { readonly point: CrashPoint; readonly kind: 'kill' | 'power' }[] = []
  /** Damage for the time before the next start. */
  readonly #toDamage: Operation[] = []
  /** Files were damaged since the last check. */
  #damaged = false
  /** Something went wrong while the node ran, since the last check. */
  #touched = false
  /** A crash is to come at any moment. */
  #armed = false
  readonly #amnesiac: Replica[] = []
  crashes = 0
  startsCutOff = 0
  readonly seen: Seen = {
    holes: 0,
    begun: 0,
    cutOff: 0,
    unknownTails: 0,
    checkpointsLost: 0,
    installs: 0,
    live: 0,
    failures: 0,
  }

  readonly #player: ReplicaPlayer

  constructor(node: TestNode) {
    this.node = node
    this.#player = new ReplicaPlayer(node, this.seen, () => this.#life)
    this.#replicas.set(metadata, new Replica(metadata, 1, 'done'))
  }

  play(operation: Operation): void {
    const { node } = this
    this.#beAlive(operation)
    switch (operation.kind) {
      case 'run':
        node.run(operation.count)
        return
      case 'fill-disk':
        node.disk.capacityBytes = node.disk.usedBytes() + operation.size
        return
      case 'free-disk':
        node.disk.capacityBytes = Number.POSITIVE_INFINITY
        return
      case 'kill':
        this.crash('kill')
        return
      case 'cut-power':
        this.crash('power')
        return
      case 'crash-soon':
        this.#armed = true
        node.disk.crashPoints.set(pointOfOperation(operation), () => {
          this.#crashed = true
          node.crash(kindOfOperation(operation))
        })
        return
      case 'crash-in-start':
        this.#startPoints.push({
          point: pointOfOperation(operation),
          kind: kindOfOperation(operation),
        })
        return
      case 'damage':
        this.#toDamage.push(operation)
        return
      case 'remember':
        rememberFiles(node.disk, folder)
        return
      case 'fault':
        node.disk.fail(faultOf(operation))
        this.#touched = true
        return
      case 'damage-live':
        this.#damageLive(operation)
        return
      case 'misdirect':
        this.#misdirect(operation)
        return
      case 'close':
        this.#close()
        return
      case 'trim':
        for (const kind of ['append', 'roll', 'checkpoint', 'retain'] as const) {
          this.play({ ...operation, kind, count: 12 })
          this.play({ ...operation, kind: 'run', count: 40 })
        }
        return
      case 'crash-after-append':
        this.play({ ...operation, kind: 'append' })
        this.play({ ...operation, kind: 'run', count: 2 })
        this.crash(kindOfOperation({ ...operation, group: operation.count % 2 }))
        return
      case 'create':
        this.#create(keys[1 + (operation.group % 2)]!)
        return
      default:
        this.#playOn(operation)
    }
  }

  /** A process that has ended, or that its storage has failed, is started again. */
  #beAlive(operation: Operation): void {
    if (this.#crashed) this.#startAgain()
    else if (this.node.failure !== undefined) {
      this.seen.failures += 1
      this.crash(kindOfOperation(operation))
    }
  }

  #playOn(operation: Operation): void {
    const replica = this.#replicas.get(keys[operation.group % keys.length]!)
    if (replica === undefined || replica.creation === 'asked' || replica.drop !== 'no') return
    if (operation.kind === 'drop') this.#drop(replica)
    else this.#player.play(replica, operation)
  }

  crash(kind: 'kill' | 'power'): void {
    if (!this.#crashed) this.node.crash(kind)
    this.#startAgain()
  }

  #startAgain(): void {
    this.crashes += 1
    this.#life += 1
    this.#crashed = false
    this.#armed = false
    this.node.disk.crashPoints.clear()
    this.node.disk.damage.forget()
    this.node.disk.clearFaults()
    // A full disk cannot be opened when no spare file is left; that is another test's subject.
    this.node.disk.capacityBytes = Number.POSITIVE_INFINITY
    const damaged = applyDamage(this.node.disk, folder, this.#toDamage.splice(0))
    this.#damaged = damaged || this.#touched
    this.#touched = false
    this.#open()
    this.node.disk.clearFaults()
    this.check()
  }

  /** Also through starts that a crash cuts off. */
  #open(): void {
    const { node } = this
    for (const { point, kind } of this.#startPoints.splice(0)) {
      node.disk.crashPoints.set(point, () => node.disk.crash(kind))
      try {
        node.open()
      } catch (error) {
        if (!(error instanceof DiskCrash)) throw error
        this.startsCutOff += 1
      }
      node.disk.crashPoints.clear()
      node.crash(kind)
    }
    node.open()
  }

  #close(): void {
    const { node } = this
    node.disk.capacityBytes = Number.POSITIVE_INFINITY
    let closed = false
    node.storage.close(() => {
      closed = true
    })
    const limitMs = node.simulation.nowMs + 10_000
    node.simulation.runUntilTrue(() => closed || this.#crashed, limitMs)
    if (closed && node.failure === undefined) {
      for (const replica of this.#replicas.values()) replica.promised = replica.versions.length - 1
    } else if (!this.#crashed && node.failure === undefined) throw new Error('closing does not end')
    this.crash('power')
  }

  /** Right after opening: the node holds what was promised, and nothing that was never asked for. */
  check(): void {
    const { groups } = this.node.storage
    for (const replica of this.#dropped) {
      const found = groups.get(replica.key)
      if (found?.replicaId !== replica.replicaId) continue
      if (replica.drop === 'done') throw new Error(`dropped replica ${replica.replicaId} is back`)
      // The drop was lost: it goes on as before.
      replica.drop = 'no'
      this.#replicas.set(replica.key, replica)
    }
    this.#dropped.length = 0
    for (const replica of [...this.#replicas.values()]) {
      if (groups.get(replica.key)?.replicaId !== replica.replicaId) {
        if (replica.creation === 'done') this.#expectAmnesiac(replica)
        this.#replicas.delete(replica.key)
        continue
      }
      replica.creation = 'done'
      checkReplica(this.node, replica, this.#damaged, this.seen)
    }
    for (const { group, replicaId } of groups.values()) {
      const key = `${group.topicId}-${group.partition}`
      if (this.#replicas.get(key)?.replicaId !== replicaId) throw new Error(`${key} from nowhere`)
    }
    for (const { key, replicaId } of this.#amnesiac) this.#isAmnesiac(key, replicaId)
    this.#damaged = false
  }

  /** Lost only by damage, and then for good. */
  #expectAmnesiac(replica: Replica): void {
    if (!this.#damaged) throw new Error(`replica ${replica.replicaId} is lost`)
    this.#isAmnesiac(replica.key, replica.replicaId)
    this.#amnesiac.push(replica)
  }

  #isAmnesiac(key: GroupKey, replicaId: number): void {
    const named = this.node.opened.amnesiac.some(
      (each) => groupKey(each.group) === key && each.replicaId === replicaId,
    )
    if (!named) throw new Error(`replica ${replicaId} of ${key} is lost and nothing says so`)
  }

  /** Then everything is read, holes are repaired, and the log is whole again. */
  #damageLive(operation: Operation): void {
    if (!damageWhileRunning(this.node.disk, folder, operation)) return
    this.#touched = true
    this.node.disk.capacityBytes = Number.POSITIVE_INFINITY
    try {
      // Time for the scrubber to find it first.
      if (operation.count % 2 === 0) this.node.run(1000)
      for (const replica of this.#replicas.values()) {
        if (replica.creation === 'asked' || replica.drop !== 'no') continue
        repairWhileRunning(this.node, replica, this.seen)
      }
    } catch (error) {
      if (!this.#crashed && this.node.failure === undefined) throw error
    }
    this.node.disk.damage.forget()
  }

  /** Another batch follows: what nothing proves to have been written is not missed. */
  #misdirect(operation: Operation): void {
    const path = newestBatchFile(this.node.disk, folder)
    if (path === undefined || this.#armed) return
    this.#touched = true
    // Nor may the device fail the batch that follows.
    this.node.disk.clearFaults()
    this.node.disk.damage.apply({ kind: 'misdirect', path })
    for (let count = 0; count < 2; count += 1) {
      this.play({ ...operation, group: 0, kind: 'append' })
      this.play({ ...operation, kind: 'run', count: 5 })
      this.node.disk.damage.forget()
    }
  }

  #create(key: GroupKey): void {
    if (this.#replicas.has(key)) return
    const replica = new Replica(key, this.#nextReplicaId, 'asked')
    this.#nextReplicaId += 1
    this.#replicas.set(key, replica)
    const group = { topicId: Number(key[0]), partition: 0 }
    const hardState = { term: 0, votedFor: 0 }
    const voters = { voters: [replica.replicaId] }
    const life = this.#life
    this.node.storage.createReplica(group, replica.replicaId, voters, hardState, 1, (error) => {
      if (life !== this.#life) throw new Error('a completion from an earlier life')
      // A full disk is the one reason to fail; the replica may or may not be there after a crash.
      if (error === undefined) replica.creation = 'done'
      else this.#replicas.delete(key)
    })
  }

  #drop(replica: Replica): void {
    if (replica.key === metadata) return
    replica.drop = 'asked'
    this.#replicas.delete(replica.key)
    this.#dropped.push(replica)
    const group = { topicId: Number(replica.key[0]), partition: 0 }
    this.node.storage.dropReplica(group, replica.replicaId, 2, (error) => {
      if (error !== undefined) throw error
      replica.drop = 'done'
    })
  }
}

/** A store with windows so small that everything happens in it, after these operations and crashes. */
export function playedThrough(
  name: string,
  operations: readonly Operation[],
  copyForwardFiles: number,
): CrashModel {
  const node = new TestNode(name, {
    walFileBytes: 48 * 1024,
    walBatchBytesMax: 12 * 1024,
    cacheBytesMax: 6 * 1024,
    indexIntervalBytes: 1500,
    copyForwardFiles,
  }).open()
  const model = new CrashModel(node)
  for (const each of operations) model.play(each)
  model.crash('power')
  node.run(100)
  model.crash('kill')
  expect(node.failure).toBeUndefined()
  return model
}
