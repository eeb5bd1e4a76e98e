// One topic as a producer sees it: its lanes once the route is known, the records that wait for the
// route before, and the choice of partition. Used by producer-core.ts alone.
import type { Random } from '@quorate/actors'
import { partitionForKey } from '@quorate/protocol'
import type { Batch, Entry, Gathering } from './batch.ts'
import type { Lane } from './lane.ts'
import { Queue } from './queue.ts'

/** Parts of a lane whose deadline has passed. */
export interface Expired {
  readonly lane: Lane
  readonly batches: readonly Batch[]
  /** Records that are in no batch. */
  readonly entries: readonly Entry[]
}

export class ProducerTopic {
  readonly name: string
  /** Records that wait for the route, in order. */
  readonly parked: Queue<Entry> = new Queue()
  readonly #random: Random
  #lanes: readonly Lane[] | undefined
  /** The partition that takes records without key, until its batch is formed. */
  #sticky = 0

  constructor(name: string, random: Random) {
    this.name = name
    this.#random = random
  }

  /** By partition; absent until the route is known. */
  get lanes(): readonly Lane[] | undefined {
    return this.#lanes
  }

  setLanes(lanes: readonly Lane[]): void {
    this.#lanes = lanes
    this.#sticky = this.#random.integer('client/sticky', lanes.length)
  }

  /** `undefined` for a partition that does not exist. Only with lanes. */
  laneFor(entry: Entry, maxBatchBytes: number): Lane | undefined {
    const lanes = this.#lanes!
    const { partition, key } = entry.record
    if (partition !== undefined) return lanes[partition]
    if (key !== null) return lanes[partitionForKey(key, lanes.length)]
    const lane = lanes[this.#sticky]!
    if (!lane.isFullFor(entry.sizeBytes, maxBatchBytes)) return lane
    this.leave(lane)
    return lanes[this.#sticky]
  }

  /** Records without key go on in another partition, if possible one with nothing to do. */
  leave(lane: Lane): void {
    const lanes = this.#lanes
    if (lanes === undefined || lanes.length === 1 || lanes[this.#sticky] !== lane) return
    const others = lanes.length - 1
    const start = this.#random.integer('client/sticky', others)
    const at = (step: number) => (lane.partition + 1 + ((start + step) % others)) % lanes.length
    this.#sticky = at(0)
    for (let step = 0; step < others; step += 1) {
      if (!lanes[at(step)]!.idle) continue
      this.#sticky = at(step)
      return
    }
  }

  /** Takes a record back that is in no batch yet. */
  remove(entry: Entry): void {
    if (this.#lanes === undefined) this.parked.filter((each) => each !== entry)
    else for (const lane of this.#lanes) if (!lane.idle) lane.remove(entry)
  }

  /** Takes out the parked records whose deadline has passed. */
  takeParked(nowMs: number): Entry[] {
    const expired: Entry[] = []
    for (let entry = this.parked.peek(); entry !== undefined; entry = this.parked.peek()) {
      if (entry.deadlineMs > nowMs) break
      expired.push(this.parked.take()!)
    }
    return expired
  }

  /** Takes out what has missed its deadline; batches in flight are only named. */
  takeExpired(nowMs: number): Expired[] {
    return (this.#lanes ?? []).flatMap((lane) => {
      const batches = lane.unsettled.filter((batch) => batch.deadlineMs <= nowMs)
      const late = (gathering: Gathering) => gathering.entries[0]!.deadlineMs <= nowMs
      const gatherings = lane.gatherings.filter(late)
      if (batches.length === 0 && gatherings.length === 0) return []
      lane.drop(gatherings)
      return [{ lane, batches, entries: gatherings.flatMap(({ entries }) => entries) }]
    })
  }

  /** The earliest deadline of anything here; infinite when there is nothing. */
  get nextDeadlineMs(): number {
    let nextMs = this.parked.peek()?.deadlineMs ?? Number.POSITIVE_INFINITY
    for (const lane of this.#lanes ?? []) {
      for (const { deadlineMs } of lane.unsettled) nextMs = Math.min(nextMs, deadlineMs)
      for (const { entries } of lane.gatherings) nextMs = Math.min(nextMs, entries[0]!.deadlineMs)
    }
    return nextMs
  }
}
