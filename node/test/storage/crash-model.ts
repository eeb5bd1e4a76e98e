// A model of what storage promises across crashes, and an interpreter that plays drawn operations
// on a node and the model alike. Every operation is total: one that makes no sense now does nothing,
// so any subset of a failing run is a run too.
import { type GroupKey, groupKey, type LogEntry } from '../../src/storage/log-entry.ts'
import type { GroupLog } from '../../src/storage/storage.ts'
import { type CrashPoint, DiskCrash } from '../../src/testing/crash-points.ts'
import { kindOfOperation, type Operation, pointOfOperation, Replica } from './crash-replica.ts'
import { applyDamage } from './damage-plan.ts'
import { folder, makeRecords, metadata, type TestNode } from './harness.ts'
import { checkReplica, type Seen, stateAt } from './replica-check.ts'

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
  readonly #amnesiac: Replica[] = []
  crashes = 0
  startsCutOff = 0
  readonly seen: Seen = { holes: 0, begun: 0, cutOff: 0, unknownTails: 0, checkpointsLost: 0 }

  constructor(node: TestNode) {
    this.node = node
    this.#replicas.set(metadata, new Replica(metadata, 1, 'done'))
  }

  play(operation: Operation): void {
    const { node } = this
    if (this.#crashed) this.#startAgain()
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

  #playOn(operation: Operation): void {
    const replica = this.#replicas.get(keys[operation.group % keys.length]!)
    if (replica === undefined || replica.creation === 'asked' || replica.drop !== 'no') return
    const log = this.node.log(replica.key)
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
      case 'drop':
        this.#drop(replica)
        return
      case 'read':
        this.#read(log, operation)
        return
    }
  }

  crash(kind: 'kill' | 'power'): void {
    if (!this.#crashed) this.node.crash(kind)
    this.#startAgain()
  }

  #startAgain(): void {
    this.crashes += 1
    this.#life += 1
    this.#crashed = false
    this.node.disk.crashPoints.clear()
    // A full disk cannot be opened when no spare file is left; that is another test's subject.
    this.node.disk.capacityBytes = Number.POSITIVE_INFINITY
    this.#damaged = applyDamage(this.node.disk, folder, this.#toDamage.splice(0))
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
    if (closed) {
      for (const replica of this.#replicas.values()) replica.promised = replica.versions.length - 1
    } else if (!this.#crashed) throw new Error('closing does not end')
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
    const life = this.#life
    let current = replica.entries
    if (truncateAfter !== undefined) {
      current = current.slice(0, truncateAfter)
      replica.versions.push({ entries: current })
    }
    for (const entry of entries) {
      current = [...current, entry]
      replica.versions.push({ entries: current })
    }
    const promises = replica.versions.length - 1
    if (term !== undefined) replica.terms.push(term)
    const request = {
      entries,
      ...(truncateAfter === undefined ? {} : { truncateAfter }),
      ...(term === undefined ? {} : { hardState: { term, votedFor: term % 3 } }),
    }
    this.node.storage.persist(replica.key, request, (error) => {
      if (error !== undefined) throw error
      if (life !== this.#life) throw new Error('a completion from an earlier life')
      if (promises < replica.promised) throw new Error('completions out of order')
      replica.promised = promises
      if (term !== undefined) replica.promisedTerm = Math.max(replica.promisedTerm, term)
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
    const life = this.#life
    const state = stateAt(index)
    this.node.storage.saveCheckpoint(replica.key, { ...point, state }, (error) => {
      if (error === undefined && life === this.#life && !replica.checkpoints.includes(index)) {
        replica.checkpoints.push(index)
        replica.checkpoints.sort((one, other) => one - other)
      }
    })
  }

  #retain(replica: Replica, log: GroupLog): void {
    const life = this.#life
    log.dropBelow(replica.lastRoll, (error, startIndex) => {
      if (error !== undefined) throw error
      if (life === this.#life) replica.promisedStart = Math.max(replica.promisedStart, startIndex)
    })
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

  #read(log: GroupLog, { count, size }: Operation): void {
    const offset = log.start.endOffset + (size % Math.max(log.endOffset - log.start.endOffset, 1))
    const limit = { index: log.lastIndex, bytes: 100 + count * 100 }
    log.read({ offset }, limit, (error, previous, entries) => {
      if (error?.code === 'QUORATE_OFFSET_OUT_OF_RANGE' || error?.code === 'QUORATE_CLOSED') return
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
