// Reads a topic without a group, without promises. Finds the start in each partition, keeps one
// long poll per partition at its leader within the buffer bound, follows leaders, and hands batches
// over in the order they came: per partition in offset order, nothing twice, nothing left out.
// Batches are decoded by the caller (stream.ts).
import type { TimerHandle } from '@quorate/actors'
import type { ErrorCode, FetchReply } from '@quorate/protocol'
import {
  apiSubject,
  decodeFetchReply,
  encodeFetchRequest,
  errorByCode,
  joinChunks,
  QuorateError,
  splitBatches,
} from '@quorate/protocol'
import { OffsetOutOfRangeError } from '../errors.ts'
import type { LinkMessage, RequestFailure } from '../link.ts'
import { Backoff } from './backoff.ts'
import type { Calls } from './calls.ts'
import type { CoreParts } from './delivery.ts'
import type { FetchedBatch } from './partition-reader.ts'
import { PartitionReader } from './partition-reader.ts'
import type { Watched } from './probe.ts'
import { Queue } from './queue.ts'
import { errorOfReply } from './reply.ts'
import type { TopicRoute } from './routing.ts'
import type { StartSettings } from './start-finder.ts'
import { StartFinder } from './start-finder.ts'

/** Of a provoked fetch. */
const shortWaitMs = 10

export interface ReaderSettings extends StartSettings {
  /** All when absent. */
  readonly partitions: readonly number[] | undefined
  readonly maxBufferedBytes: number
}

export interface ReaderListener {
  /** The start is found in every partition. */
  started(): void
  /** There may be something to take, or the end is reached. */
  ready(): void
  /** The reader has ended; nothing follows. */
  failed(error: QuorateError): void
}

export class ReaderCore {
  readonly #parts: CoreParts
  readonly #starts: StartFinder
  /** One deadline for the route and the start positions together. */
  readonly #startByMs: number
  readonly #settings: ReaderSettings
  readonly #listener: ReaderListener
  readonly #gone: () => void
  readonly #fetched = new Queue<FetchedBatch>()
  #partitions: readonly PartitionReader[] | undefined
  #byNumber = new Map<number, PartitionReader>()
  #topicId = -1
  #bufferedBytes = 0
  #unresolved = 0
  #startTimer: TimerHandle | undefined
  #closed = false

  constructor(
    parts: CoreParts,
    calls: Calls,
    settings: ReaderSettings,
    listener: ReaderListener,
    gone: () => void,
  ) {
    this.#parts = parts
    this.#settings = settings
    this.#listener = listener
    this.#gone = gone
    const { host, limits } = parts.environment
    this.#startByMs = host.monotonicMs() + limits.streamStartMs
    this.#starts = new StartFinder(calls, settings)
    this.#startTimer = host.setTimer(() => {
      const detail = `no route to ${settings.topic} after ${limits.streamStartMs} ms`
      this.#fail(new QuorateError('QUORATE_TIMEOUT', detail))
    }, limits.streamStartMs)
    // Never from inside the constructor: the caller does not have the reader yet.
    host.nextTurn(() => {
      const route = parts.routing.route(settings.topic)
      if (route === undefined) this.wakeTopic(settings.topic)
      else this.routeRead(route)
    })
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Everything up to the end was taken. */
  get ended(): boolean {
    if (this.#partitions === undefined || this.#fetched.length > 0) return false
    return this.#partitions.every((each) => each.done)
  }

  take(): FetchedBatch | undefined {
    const batch = this.#fetched.take()
    if (batch === undefined) return undefined
    const reader = this.#byNumber.get(batch.partition)!
    const { maxBufferedBytes } = this.#settings
    const wasFull = this.#bufferedBytes >= maxBufferedBytes
    reader.bufferedBytes -= batch.bytes.byteLength
    this.#bufferedBytes -= batch.bytes.byteLength
    if (wasFull && this.#bufferedBytes < maxBufferedBytes) this.#advanceAll()
    else this.#advance(reader)
    return batch
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { host } = this.#parts.environment
    if (this.#startTimer !== undefined) host.clearTimer(this.#startTimer)
    this.#starts.close()
    for (const reader of this.#partitions ?? []) {
      this.#abandon(reader)
      if (reader.timer !== undefined) host.clearTimer(reader.timer)
    }
    this.#gone()
  }

  leaderChanged(topicId: number, partition: number): void {
    const reader = this.#byNumber.get(partition)
    if (reader === undefined || topicId !== this.#topicId) return
    const address = this.#parts.routing.leader(topicId, partition)?.address
    if (address !== undefined && reader.attempt?.address !== address) this.#abandon(reader)
    reader.retryAtMs = 0
    this.#advance(reader)
  }

  /** A link opened or closed. */
  wakeAll(): void {
    this.wakeTopic(this.#settings.topic)
  }

  wakeTopic(topic: string): void {
    if (topic !== this.#settings.topic || this.#closed) return
    if (this.#partitions === undefined) this.#parts.routing.refresh(topic, 'read')
    else this.#advanceAll()
  }

  routeRead(route: TopicRoute): void {
    if (route.topic !== this.#settings.topic || this.#closed) return
    if (this.#partitions === undefined) this.#begin(route)
    else if (route.topicId === this.#topicId) this.#advanceAll()
    else {
      const detail = `${route.topic} was deleted; a new topic has its name`
      this.#fail(new QuorateError('QUORATE_UNKNOWN_TOPIC', detail))
    }
  }

  topicFailed(topic: string, error: QuorateError): void {
    if (topic === this.#settings.topic) this.#fail(error)
  }

  #begin(route: TopicRoute): void {
    const { host, random, limits } = this.#parts.environment
    if (this.#startTimer !== undefined) host.clearTimer(this.#startTimer)
    this.#startTimer = undefined
    this.#topicId = route.topicId
    const numbers = this.#settings.partitions ?? route.leaders.map((_leader, index) => index)
    const unknown = numbers.find((number) => route.leaders[number] === undefined)
    if (unknown !== undefined) {
      const detail = `${route.topic} has no partition ${unknown}`
      this.#fail(new QuorateError('QUORATE_INVALID_ARGUMENT', detail))
      return
    }
    this.#partitions = [...new Set(numbers)].map((number) => {
      const backoff = new Backoff(random, 'client/fetch', limits.retryMs)
      return new PartitionReader(route.topicId, number, backoff)
    })
    for (const reader of this.#partitions) this.#byNumber.set(reader.partition, reader)
    this.#unresolved = this.#partitions.length
    for (const reader of this.#partitions) this.#resolve(reader)
  }

  /** The partition is read as soon as its start and end are known. */
  #resolve(reader: PartitionReader): void {
    const remainingMs = this.#startByMs - this.#parts.environment.host.monotonicMs()
    this.#starts.find(reader, Math.max(remainingMs, 1), (error) => {
      if (this.#closed) return
      if (error !== undefined) {
        this.#fail(error)
        return
      }
      this.#unresolved -= 1
      if (this.#unresolved === 0) this.#listener.started()
      this.#advance(reader)
      if (reader.done) this.#listener.ready()
    })
  }

  #advanceAll(): void {
    for (const reader of this.#partitions ?? []) this.#advance(reader)
  }

  /** Sends the next fetch if there is room and a leader; else asks for what is missing. */
  #advance(reader: PartitionReader): void {
    if (this.#closed || reader.attempt !== undefined || reader.done) return
    if (reader.position === undefined || reader.endOffset === undefined) return
    if (!this.#hasRoom(reader)) return
    const { environment, routing, connections } = this.#parts
    const { topic } = this.#settings
    const address = routing.leader(reader.topicId, reader.partition)?.address
    if (address === undefined) {
      routing.refresh(topic, 'read')
      return
    }
    if (!connections.isOpen(address)) {
      connections.want(address)
      routing.refresh(topic, 'read', address)
      return
    }
    const nowMs = environment.host.monotonicMs()
    if (nowMs < reader.retryAtMs) {
      if (reader.timer !== undefined) return
      reader.timer = environment.host.setTimer(() => {
        reader.timer = undefined
        this.#advance(reader)
      }, reader.retryAtMs - nowMs)
      return
    }
    this.#fetch(reader, address, nowMs)
  }

  /** One partition may not take the whole buffer from the others. */
  #hasRoom(reader: PartitionReader): boolean {
    const { maxBufferedBytes } = this.#settings
    if (this.#bufferedBytes >= maxBufferedBytes) return false
    const shareBytes = maxBufferedBytes / this.#partitions!.length
    return reader.bufferedBytes === 0 || reader.bufferedBytes < shareBytes
  }

  #fetch(reader: PartitionReader, address: string, nowMs: number): void {
    const { environment, connections, probe } = this.#parts
    const { fetchBytes, silenceMs, callAttemptMs, fetchWaitMs: usualWaitMs } = environment.limits
    const isShort = environment.probe.provoke('client.fetch-wait-short')
    const fetchWaitMs = isShort ? shortWaitMs : usualWaitMs
    const { topicId, partition } = reader
    const attempt: Watched = {
      address,
      sentMs: nowMs,
      dueMs: nowMs + fetchWaitMs + silenceMs,
      partitions: [reader],
    }
    reader.attempt = attempt
    probe.watch(attempt)
    const maxBytes = Math.min(fetchBytes, this.#settings.maxBufferedBytes)
    const request = { topicId, partition, offset: reader.position!, maxBytes, waitMs: fetchWaitMs }
    const payload = joinChunks(encodeFetchRequest(request))
    const timeoutMs = fetchWaitMs + callAttemptMs
    connections.request(address, apiSubject('fetch'), payload, timeoutMs, (failure, reply) => {
      if (reader.attempt !== attempt || this.#closed) return
      this.#abandon(reader)
      this.#answered(reader, attempt, failure, reply)
    })
  }

  #abandon(reader: PartitionReader): void {
    if (reader.attempt !== undefined) this.#parts.probe.forget(reader.attempt)
    reader.attempt = undefined
  }

  #answered(
    reader: PartitionReader,
    attempt: Watched,
    failure: RequestFailure | undefined,
    message: LinkMessage | undefined,
  ): void {
    if (message === undefined) {
      if (failure !== 'closed') this.#pause(reader)
      this.#parts.routing.refresh(this.#settings.topic, 'read', attempt.address)
      this.#advance(reader)
      return
    }
    const reply = fetchReplyOf(message)
    if (reply?.error === undefined) this.#accept(reader, attempt, reply)
    else this.#refused(reader, attempt, reply, reply.error)
  }

  #accept(reader: PartitionReader, attempt: Watched, reply: FetchReply | undefined): void {
    const before = reader.position
    try {
      for (const { header, bytes } of reply === undefined ? [] : splitBatches(reply.batches)) {
        const batch = reader.accept(header, bytes)
        if (batch === undefined) continue
        this.#bufferedBytes += bytes.byteLength
        this.#fetched.push(batch)
      }
    } catch (error) {
      const detail = `${this.#settings.topic}/${reader.partition} offset ${reader.position}`
      this.#fail(new QuorateError('QUORATE_CORRUPT_BATCH', detail, { cause: error }))
      return
    }
    reader.aheadSinceMs = undefined
    const { probe } = this.#parts.environment
    if (probe.provoke('client.route-needless')) {
      this.#parts.routing.refresh(this.#settings.topic, 'read')
    }
    if (reader.position !== before) reader.backoff.reset()
    // An empty answer comes after the wait. A node that does not wait is not asked in a tight loop.
    else if (this.#parts.environment.host.monotonicMs() - attempt.sentMs < 10) this.#pause(reader)
    this.#advance(reader)
    if (reader.position !== before) this.#listener.ready()
  }

  #refused(reader: PartitionReader, attempt: Watched, reply: FetchReply, code: ErrorCode): void {
    const { routing } = this.#parts
    const { topicId, partition } = reader
    if (reply.leader !== undefined) routing.hint(topicId, partition, reply.leader)
    if (code === 'QUORATE_OFFSET_OUT_OF_RANGE') {
      this.#outOfRange(reader, reply)
      return
    }
    if (!errorByCode(code).retriable && code !== 'QUORATE_UNKNOWN_TOPIC') {
      this.#fail(new QuorateError(code, reply.detail))
      return
    }
    const leader = routing.leader(topicId, partition)?.address
    if (leader === undefined || leader === attempt.address) {
      if (code === 'QUORATE_NOT_LEADER') routing.notLeader(topicId, partition, attempt.address)
      this.#pause(reader)
      routing.refresh(this.#settings.topic, 'read', attempt.address)
    }
    this.#advance(reader)
  }

  #outOfRange(reader: PartitionReader, reply: FetchReply): void {
    const { host, limits } = this.#parts.environment
    const offset = reader.position!
    const { logStartOffset: startOffset, highWatermark: endOffset } = reply
    if (offset < startOffset && !reader.begun && this.#starts.startsAtEarliest(reader)) {
      reader.position = startOffset
      this.#advance(reader)
      if (reader.done) this.#listener.ready()
      return
    }
    // A new leader may not know yet how far the log is committed.
    if (offset > endOffset && reader.trusted) {
      const nowMs = host.monotonicMs()
      reader.aheadSinceMs ??= nowMs
      if (nowMs - reader.aheadSinceMs < limits.streamStartMs) {
        this.#pause(reader)
        this.#parts.routing.refresh(this.#settings.topic, 'read')
        this.#advance(reader)
        return
      }
    }
    const range = { startOffset, endOffset }
    this.#fail(new OffsetOutOfRangeError(this.#settings.topic, reader.partition, offset, range))
  }

  #pause(reader: PartitionReader): void {
    const nowMs = this.#parts.environment.host.monotonicMs()
    if (reader.retryAtMs <= nowMs) reader.retryAtMs = nowMs + reader.backoff.next()
  }

  #fail(error: QuorateError): void {
    if (this.#closed) return
    this.close()
    this.#listener.failed(error)
  }
}

/** `undefined` for bytes that are no reply; an error of the whole request as a reply with it. */
function fetchReplyOf(message: LinkMessage): FetchReply | undefined {
  const error = errorOfReply(message)
  try {
    if (error === undefined) return decodeFetchReply(message.payload)
  } catch {
    return undefined
  }
  const { code, detail } = error
  const batches = { pieces: [], byteLength: 0 }
  const base = { error: code, highWatermark: -1, logStartOffset: -1, batches }
  return detail === undefined ? base : { ...base, detail }
}
