// One idempotent producer, without promises. Admits records within the buffer bound, finds their
// partitions, lets them gather in lanes, and wakes lanes when something has changed for them; once
// per turn all woken lanes go to delivery.ts. Watches the delivery deadline. The call before it is
// producer.ts.
import type { TimerHandle } from '@quorate/actors'
import type { Compression } from '@quorate/protocol'
import { batchHeaderBytes, maxBatchBytes, QuorateError, recordByteLength } from '@quorate/protocol'
import { Backoff } from './backoff.ts'
import type { Entry, PendingRecord } from './batch.ts'
import type { Calls } from './calls.ts'
import type { CoreParts } from './delivery.ts'
import { Delivery } from './delivery.ts'
import { FlushGroups } from './flush-groups.ts'
import { Identity } from './identity.ts'
import { Lane } from './lane.ts'
import { ProducerTopic } from './producer-topic.ts'
import { Queue } from './queue.ts'
import type { TopicRoute } from './routing.ts'

export interface ProducerSettings {
  readonly lingerMs: number
  readonly deliveryTimeoutMs: number
  readonly compression: Compression
  readonly maxBatchBytes: number
  readonly maxBufferedBytes: number
}

export class ProducerCore {
  readonly #parts: CoreParts
  readonly #settings: ProducerSettings
  readonly #identity: Identity
  readonly #delivery: Delivery
  readonly #topics = new Map<string, ProducerTopic>()
  /** Sends that wait for buffer space, in order. */
  readonly #waiting = new Queue<Entry>()
  readonly #groups = new FlushGroups()
  #woken = new Set<Lane>()
  #turnAsked = false
  #bufferedBytes = 0
  #deadlineTimer: TimerHandle | undefined
  #closed: QuorateError | undefined
  #ended = false
  readonly #gone: () => void

  /** `gone` is called once, when the producer has ended. */
  constructor(parts: CoreParts, calls: Calls, settings: ProducerSettings, gone: () => void) {
    this.#parts = parts
    this.#settings = settings
    this.#gone = gone
    this.#identity = new Identity(parts.environment, calls, () => this.wakeAll())
    this.#delivery = new Delivery(parts, this.#identity, settings, {
      wake: (lane) => this.#wake(lane),
      formed: (lane) => this.#topics.get(lane.topic)?.leave(lane),
      settled: (entries, error, partition, offset) => {
        this.#settle(entries, error, partition, offset)
      },
    })
  }

  /** Bytes of records that are admitted and not settled. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  get waitingSends(): number {
    return this.#waiting.length
  }

  /**
   * The record's `settled` is called exactly once, possibly before this returns. The result is the
   * handle for `cancel`; a refused record has none.
   */
  send(record: PendingRecord): Entry | undefined {
    const sizeBytes = recordByteLength(record)
    const refused = this.#closed ?? this.#refusal(sizeBytes)
    if (refused !== undefined) {
      record.settled(refused, -1, -1)
      return undefined
    }
    const group = this.#groups.current
    group.unsettled += 1
    const entry: Entry = { record, sizeBytes, deadlineMs: 0, state: 'waiting', group }
    if (this.#waiting.length > 0 || !this.#fits(sizeBytes)) this.#waiting.push(entry)
    else this.#admit(entry)
    return entry
  }

  /** Takes a record back. False when it is in a batch already, or settled: then it may be applied. */
  cancel(entry: Entry): boolean {
    if (entry.state === 'sent' || entry.state === 'settled') return false
    if (entry.state === 'waiting') this.#waiting.filter((each) => each !== entry)
    else this.#topics.get(entry.record.topic)?.remove(entry)
    this.#release([entry])
    this.#afterRelease()
    return true
  }

  /** Sends what gathers without waiting for linger; `done` when all records so far are settled. */
  flush(done: () => void): void {
    for (const lane of this.#lanes()) {
      if (lane.open === undefined) continue
      lane.open.due = true
      this.#wake(lane)
    }
    this.#groups.close(done)
  }

  /** Takes no more records, settles those it has, then ends. */
  close(done: () => void): void {
    this.#closed ??= new QuorateError('QUORATE_CLOSED', 'producer')
    this.flush(() => {
      this.destroy()
      done()
    })
  }

  /** Ends at once. Records in flight have an unknown outcome, the others are not applied. */
  destroy(): void {
    if (this.#ended) return
    this.#ended = true
    const error = new QuorateError('QUORATE_CLOSED', 'producer')
    this.#closed ??= error
    this.#delivery.close()
    this.#identity.close()
    const { host } = this.#parts.environment
    if (this.#deadlineTimer !== undefined) host.clearTimer(this.#deadlineTimer)
    this.#deadlineTimer = undefined
    // Taken out first: room that the others leave is not for them any more.
    const waiting = [...this.#waiting]
    this.#waiting.filter(() => false)
    for (const name of [...this.#topics.keys()]) this.topicFailed(name, error)
    this.#settle(waiting, error, -1, -1)
    this.#gone()
  }

  leaderChanged(topicId: number, partition: number): void {
    for (const { lanes } of this.#topics.values()) {
      const lane = lanes?.[partition]
      if (lane?.topicId === topicId) this.#delivery.leaderChanged(lane)
    }
  }

  /** A link opened or closed, or there is a producer id: every lane with work looks again. */
  wakeAll(): void {
    for (const topic of this.#topics.keys()) this.wakeTopic(topic)
  }

  /** Its route did not come, or something else that all its lanes may wait for has changed. */
  wakeTopic(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    if (topic.parked.length > 0) this.#parts.routing.refresh(topic.name, 'produce')
    for (const lane of topic.lanes ?? []) if (!lane.idle) this.#wake(lane)
  }

  routeRead(route: TopicRoute): void {
    const topic = this.#topics.get(route.topic)
    if (topic === undefined) return
    if (topic.lanes?.[0]?.topicId !== route.topicId) this.#adopt(topic, route)
    for (const lane of topic.lanes!) if (!lane.idle) this.#wake(lane)
  }

  /** Everything on its way to the topic ends with this error. */
  topicFailed(name: string, error: QuorateError): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#topics.delete(name)
    for (const lane of topic.lanes ?? []) this.#endLane(lane, error, true)
    this.#settle([...topic.parked], error, -1, -1)
  }

  #refusal(sizeBytes: number): QuorateError | undefined {
    const most = maxBatchBytes - batchHeaderBytes
    if (sizeBytes > most) {
      return new QuorateError('QUORATE_RECORD_TOO_LARGE', `${sizeBytes} of ${most} bytes`)
    }
    const { waitingSends } = this.#parts.environment.limits
    if (this.#waiting.length < waitingSends) return undefined
    return new QuorateError('QUORATE_OVERLOADED', `${waitingSends} sends wait for buffer space`)
  }

  /** A record larger than the whole buffer may pass when it is alone. */
  #fits(sizeBytes: number): boolean {
    const { maxBufferedBytes } = this.#settings
    return (
      this.#bufferedBytes === 0 || this.#bufferedBytes + this.#charge(sizeBytes) <= maxBufferedBytes
    )
  }

  /** What a record of this size takes of the buffer. */
  #charge(sizeBytes: number): number {
    return sizeBytes + this.#parts.environment.limits.recordOverheadBytes
  }

  #admit(entry: Entry): void {
    const nowMs = this.#parts.environment.host.monotonicMs()
    this.#bufferedBytes += this.#charge(entry.sizeBytes)
    entry.deadlineMs = nowMs + this.#settings.deliveryTimeoutMs
    if (this.#deadlineTimer === undefined) this.#armDeadline(entry.deadlineMs, nowMs)
    this.#place(entry, nowMs)
  }

  #place(entry: Entry, nowMs: number): void {
    const { record } = entry
    const topic = this.#topics.get(record.topic) ?? this.#newTopic(record.topic)
    entry.state = 'queued'
    if (topic.lanes === undefined) {
      topic.parked.push(entry)
      this.#parts.routing.refresh(topic.name, 'produce')
      return
    }
    const { maxBatchBytes: most } = this.#settings
    const lane = topic.laneFor(entry, most)
    if (lane === undefined) {
      const detail = `${topic.name} has no partition ${record.partition}`
      this.#settle([entry], new QuorateError('QUORATE_INVALID_ARGUMENT', detail), -1, -1)
      return
    }
    lane.append(entry, nowMs, most, this.#parts.environment.limits.gatherMs)
    lane.closeIfFull(most)
    if (this.#groups.flushing && lane.open !== undefined) lane.open.due = true
    this.#wake(lane)
  }

  #newTopic(name: string): ProducerTopic {
    const topic = new ProducerTopic(name, this.#parts.environment.random)
    this.#topics.set(name, topic)
    const route = this.#parts.routing.route(name)
    if (route !== undefined) this.#adopt(topic, route)
    return topic
  }

  /** The route of a new topic, or of one that was created again: that is another topic. */
  #adopt(topic: ProducerTopic, route: TopicRoute): void {
    const { random, limits } = this.#parts.environment
    const old = topic.lanes ?? []
    topic.setLanes(
      route.leaders.map((_leader, partition) => {
        const backoff = new Backoff(random, 'client/retry', limits.retryMs)
        return new Lane(topic.name, route.topicId, partition, backoff)
      }),
    )
    const error = new QuorateError('QUORATE_UNKNOWN_TOPIC', `${topic.name} was deleted`)
    const moved = old.flatMap((lane) => this.#endLane(lane, error, false))
    const nowMs = this.#parts.environment.host.monotonicMs()
    for (const entry of moved) this.#place(entry, nowMs)
    while (topic.parked.length > 0) this.#place(topic.parked.take()!, nowMs)
  }

  /** Returns the entries that no leader can have, in order, unless they are to end as well. */
  #endLane(lane: Lane, error: QuorateError, all: boolean): Entry[] {
    const { host } = this.#parts.environment
    lane.retired = true
    if (lane.timer !== undefined) host.clearTimer(lane.timer)
    const free: Entry[] = []
    for (const batch of lane.unsettled) {
      if (!all && !batch.uncertain && batch.attempts === 0) {
        free.push(...batch.entries)
        this.#delivery.forget(batch)
      } else this.#delivery.fail(lane, batch, error.code, error.detail, error.cause)
    }
    for (const { entries } of lane.gatherings) free.push(...entries)
    lane.inFlight = []
    lane.drop(lane.gatherings)
    if (!all) return free
    this.#settle(free, error, lane.partition, -1)
    return []
  }

  *#lanes(): Iterable<Lane> {
    for (const { lanes } of this.#topics.values()) if (lanes !== undefined) yield* lanes
  }

  #wake(lane: Lane): void {
    this.#woken.add(lane)
    if (this.#turnAsked) return
    this.#turnAsked = true
    this.#parts.environment.host.nextTurn(() => {
      this.#turnAsked = false
      const woken = this.#woken
      this.#woken = new Set()
      this.#delivery.send(woken)
    })
  }

  #settle(
    entries: readonly Entry[],
    error: QuorateError | undefined,
    partition: number,
    offset: number,
  ): void {
    this.#release(entries)
    for (let index = 0; index < entries.length; index += 1) {
      const { record } = entries[index]!
      record.settled(error, partition, offset < 0 ? -1 : offset + index)
    }
    this.#afterRelease()
  }

  #release(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.state !== 'waiting') this.#bufferedBytes -= this.#charge(entry.sizeBytes)
      entry.state = 'settled'
      if (entry.group !== undefined) entry.group.unsettled -= 1
      entry.group = undefined
    }
  }

  #afterRelease(): void {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting.peek()!.sizeBytes)) {
      this.#admit(this.#waiting.take()!)
    }
    this.#groups.release()
  }

  #armDeadline(atMs: number, nowMs: number): void {
    this.#deadlineTimer = this.#parts.environment.host.setTimer(
      () => {
        this.#deadlineTimer = undefined
        this.#expire()
      },
      Math.max(atMs - nowMs, 1),
    )
  }

  /** Ends what has missed its deadline and looks for the next one. */
  #expire(): void {
    const nowMs = this.#parts.environment.host.monotonicMs()
    for (const topic of this.#topics.values()) {
      const parked = topic.takeParked(nowMs)
      if (parked.length > 0) {
        const cause = new Error('no node gave the route of the topic')
        this.#settle(parked, this.#timeout(topic.name, cause), -1, -1)
      }
      for (const { lane, batches, entries } of topic.takeExpired(nowMs)) {
        const error = this.#timeout(`${lane.topic}/${lane.partition}`, this.#obstacle(lane))
        for (const batch of batches) {
          this.#delivery.fail(lane, batch, error.code, error.detail, error.cause)
        }
        if (entries.length > 0) this.#settle(entries, error, lane.partition, -1)
      }
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (const topic of this.#topics.values()) nextMs = Math.min(nextMs, topic.nextDeadlineMs)
    if (nextMs !== Number.POSITIVE_INFINITY && this.#deadlineTimer === undefined) {
      this.#armDeadline(nextMs, nowMs)
    }
  }

  /** What a lane waits for that has missed a deadline. */
  #obstacle(lane: Lane): Error {
    const { routing, connections } = this.#parts
    const address = routing.leader(lane.topicId, lane.partition)?.address
    if (address === undefined) return lane.lastError ?? new Error('no leader is known')
    if (!connections.isOpen(address)) return new Error(`no connection to the leader at ${address}`)
    return lane.lastError ?? new Error(`the leader at ${address} did not answer`)
  }

  /** The outcome is that of records which no leader can have. */
  #timeout(name: string, cause: Error): QuorateError {
    const after = `${name} after ${this.#settings.deliveryTimeoutMs} ms`
    return new QuorateError('QUORATE_DELIVERY_TIMEOUT', `${after}; at last: ${cause.message}`, {
      cause,
      outcome: 'not-applied',
    })
  }
}
