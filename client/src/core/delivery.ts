// Sends batches to the leaders of their partitions and settles them by what comes back. Forms
// batches when a lane may send, packs all batches for one node into as few requests as fit, joins
// the outcomes of several attempts, redirects, retries with pauses, renumbers after a loss. Called
// by producer-core.ts with the lanes that have work; the next stop is the door of the leader.
import type { Compression, ErrorCode, WriteResult } from '@quorate/protocol'
import {
  apiSubject,
  encodeWriteRequest,
  errorByCode,
  joinChunks,
  QuorateError,
} from '@quorate/protocol'
import type { LinkMessage, RequestFailure } from '../link.ts'
import type { Attempt, Batch, Entry, Gathering } from './batch.ts'
import { formBatch } from './batch-encoder.ts'
import type { Connections } from './connections.ts'
import type { Environment } from './environment.ts'
import type { Identity } from './identity.ts'
import type { Lane } from './lane.ts'
import { Outbox } from './outbox.ts'
import type { SilenceProbe } from './probe.ts'
import type { Routing } from './routing.ts'
import { writeResults } from './write-reply.ts'

export interface DeliveryOptions {
  readonly lingerMs: number
  readonly compression: Compression
}

export interface DeliveryListener {
  /** The lane may have work again. */
  wake(lane: Lane): void
  /** The lane has taken records off its open gathering. */
  formed(lane: Lane): void
  settled(
    entries: readonly Entry[],
    error: QuorateError | undefined,
    partition: number,
    offset: number,
  ): void
}

/** What the core gives to its producers and readers. */
export interface CoreParts {
  readonly environment: Environment
  readonly connections: Connections
  readonly routing: Routing
  readonly probe: SilenceProbe
}

export class Delivery {
  readonly #parts: CoreParts
  readonly #identity: Identity
  readonly #options: DeliveryOptions
  readonly #listener: DeliveryListener
  readonly #lanes = new Map<Batch, Lane>()
  /** Write requests out, by address. */
  readonly #requests = new Map<string, number>()
  /** Lanes that wait until fewer requests to an address are out. */
  readonly #gated = new Map<string, Set<Lane>>()
  #closed = false

  constructor(
    parts: CoreParts,
    identity: Identity,
    options: DeliveryOptions,
    listener: DeliveryListener,
  ) {
    this.#parts = parts
    this.#identity = identity
    this.#options = options
    this.#listener = listener
  }

  /** Sends what these lanes may send now; asks for whatever the others lack. */
  send(lanes: Iterable<Lane>): void {
    const outbox = new Outbox()
    const { host, limits } = this.#parts.environment
    const nowMs = host.monotonicMs()
    for (const lane of lanes) this.#collect(lane, nowMs, outbox)
    for (const { address, batches } of outbox.requests(limits.writeRequestBytes)) {
      this.#request(address, batches)
    }
  }

  /** The leader is another one, or the same in a new term: everything out is sent again. */
  leaderChanged(lane: Lane): void {
    lane.resendAll()
    lane.retryAtMs = 0
    this.#listener.wake(lane)
  }

  /** Ends a batch without success. */
  fail(lane: Lane, batch: Batch, code: ErrorCode, detail?: string, cause?: unknown): void {
    const reached = batch.uncertain || batch.attempts > 0
    const row = errorByCode(code)
    const outcome = reached ? 'unknown' : row.outcome === 'unknown' ? 'not-applied' : row.outcome
    this.#remove(lane, batch)
    // Later batches of the lane carry sequences that nobody will accept any more.
    lane.renumbering = true
    this.#listener.settled(
      batch.entries,
      new QuorateError(code, detail, { cause, outcome }),
      batch.partition,
      -1,
    )
    this.#listener.wake(lane)
  }

  /** The batch's records go another way. */
  forget(batch: Batch): void {
    batch.settled = true
    batch.needsSend = false
    this.#lanes.delete(batch)
  }

  close(): void {
    this.#closed = true
  }

  #collect(lane: Lane, nowMs: number, outbox: Outbox): void {
    if (this.#closed || lane.retired) return
    if (lane.renumbering && !this.#renumber(lane, nowMs)) return
    if (lane.idle) return
    const address = this.#leaderOf(lane)
    if (address === undefined) return
    if (nowMs < lane.retryAtMs) {
      this.#wakeAt(lane, lane.retryAtMs, nowMs)
      return
    }
    const batches = lane.inFlight.filter((batch) => batch.needsSend)
    const { batchesInFlight } = this.#parts.environment.limits
    while (lane.inFlight.length < batchesInFlight && this.#mayForm(lane, address, nowMs)) {
      const batch = this.#form(lane)
      if (batch === undefined) break
      if (batch !== 'nothing') batches.push(batch)
    }
    outbox.add(address, batches)
  }

  /** Where to send, if there is an open link; else what is missing is asked for. */
  #leaderOf(lane: Lane): string | undefined {
    const { routing, connections } = this.#parts
    const address = routing.leader(lane.topicId, lane.partition)?.address
    if (address === undefined) {
      routing.refresh(lane.topic, 'produce')
      return undefined
    }
    if (connections.isOpen(address)) return address
    connections.want(address)
    routing.refresh(lane.topic, 'produce', address)
    return undefined
  }

  /**
   * Full batches go up to the bound in flight. One that is not full goes when nothing of its lane
   * is in flight and the node is not busy with this producer already: so batches grow with load.
   */
  #mayForm(lane: Lane, address: string, nowMs: number): boolean {
    if (lane.queue.length > 0) return true
    const { open } = lane
    if (open === undefined) return false
    const { limits, probe } = this.#parts.environment
    const isEarly = probe.provoke('client.batch-early')
    if (lane.inFlight.length > 0 && !isEarly) return false
    const lingerUntilMs = open.sinceMs + this.#options.lingerMs
    if (!isEarly && !open.due && nowMs < lingerUntilMs) {
      this.#wakeAt(lane, lingerUntilMs, nowMs)
      return false
    }
    if ((this.#requests.get(address) ?? 0) < limits.requestsPerNode) return true
    const gated = this.#gated.get(address) ?? new Set()
    this.#gated.set(address, gated.add(lane))
    return false
  }

  /** `undefined`: no producer id yet, or the lane has to renumber first. */
  #form(lane: Lane): Batch | 'nothing' | undefined {
    if (lane.session === undefined) {
      const producerId = this.#identity.get()
      lane.lastError = this.#identity.lastError
      if (producerId === undefined) return undefined
      lane.session = { producerId, epoch: 0, nextSequence: 0 }
    }
    const gathering = lane.takeNext()!
    const { lastSequence } = this.#parts.environment.limits
    if (lane.needsEpochFor(gathering.entries.length, lastSequence)) {
      lane.queue.unshift(gathering)
      // Once nothing is in flight the next epoch starts at 0 again.
      lane.renumbering = lane.inFlight.length === 0
      if (lane.renumbering) this.#listener.wake(lane)
      return undefined
    }
    this.#listener.formed(lane)
    return this.#encode(lane, gathering)
  }

  #encode(lane: Lane, gathering: Gathering): Batch | 'nothing' {
    const { session } = lane
    try {
      const batch = formBatch(lane, session!, gathering, this.#options.compression)
      session!.nextSequence += gathering.entries.length
      lane.inFlight.push(batch)
      this.#lanes.set(batch, lane)
      return batch
    } catch (error) {
      const refused =
        error instanceof QuorateError
          ? error
          : new QuorateError('QUORATE_INTERNAL', String(error), {
              cause: error,
              outcome: 'not-applied',
            })
      this.#listener.settled(gathering.entries, refused, lane.partition, -1)
      return 'nothing'
    }
  }

  /** False while attempts are out that decide what may be sent again. */
  #renumber(lane: Lane, nowMs: number): boolean {
    const spent = lane.session
    const lost = lane.startNextEpoch(nowMs, this.#parts.environment.limits.lastEpoch)
    if (lost === undefined) return false
    const { probe } = this.#parts.environment
    probe.reached('client.epoch-raised')
    if (lost.length > 0) probe.reached('client.outcome-unknown')
    if (lane.session === undefined && spent !== undefined) this.#identity.discard(spent.producerId)
    for (const batch of lost) {
      this.forget(batch)
      const detail = `${lane.topic}/${lane.partition}`
      const error = new QuorateError('QUORATE_UNKNOWN_OUTCOME', detail, { cause: lane.lastError })
      this.#listener.settled(batch.entries, error, lane.partition, -1)
    }
    return true
  }

  #request(address: string, formed: readonly Batch[]): void {
    // Settling some batches may have ended others, even the producer: those are not sent any more.
    const batches = this.#closed ? [] : formed.filter((batch) => !batch.settled)
    if (batches.length === 0) return
    const { environment, connections, probe } = this.#parts
    const { host, limits } = environment
    const sentMs = host.monotonicMs()
    const dueMs = sentMs + limits.silenceMs
    const attempt: Attempt = { address, sentMs, dueMs, batches, partitions: batches }
    for (const batch of batches) {
      batch.attempts += 1
      batch.needsSend = false
      batch.last = attempt
    }
    this.#requests.set(address, (this.#requests.get(address) ?? 0) + 1)
    probe.watch(attempt)
    const payload = joinChunks(
      encodeWriteRequest(
        batches.map(({ topicId, partition, bytes }) => ({
          topicId,
          partition,
          batch: { pieces: [bytes], byteLength: bytes.byteLength },
        })),
      ),
    )
    const subject = apiSubject('write')
    const isHasty = environment.probe.provoke('client.write-timeout-early')
    const timeoutMs = isHasty ? limits.silenceMs : limits.writeTimeoutMs
    connections.request(address, subject, payload, timeoutMs, (failure, reply) => {
      this.#completed(attempt, failure, reply)
    })
  }

  #completed(
    attempt: Attempt,
    failure: RequestFailure | undefined,
    reply: LinkMessage | undefined,
  ): void {
    const { address, batches } = attempt
    this.#parts.probe.forget(attempt)
    this.#requests.set(address, this.#requests.get(address)! - 1)
    if (this.#closed) return
    const results = reply === undefined ? undefined : writeResults(reply, batches)
    for (let index = 0; index < batches.length; index += 1) {
      const batch = batches[index]!
      batch.attempts -= 1
      const lane = this.#lanes.get(batch)
      if (lane === undefined) continue
      const result = results?.[index]
      if (result !== undefined) this.#result(lane, batch, attempt, result)
      else this.#noAnswer(lane, batch, attempt, failure)
      this.#listener.wake(lane)
    }
    this.#openGate(address)
  }

  #openGate(address: string): void {
    const gated = this.#gated.get(address)
    if (gated === undefined) return
    this.#gated.delete(address)
    for (const lane of gated) this.#listener.wake(lane)
  }

  /** The attempt ended and nobody knows what the node did. */
  #noAnswer(lane: Lane, batch: Batch, attempt: Attempt, failure: RequestFailure | undefined): void {
    const { probe } = this.#parts.environment
    if (failure !== 'no-responders') {
      probe.reached('client.write-unanswered')
      batch.uncertain = true
    }
    const text = failure ?? 'unreadable reply'
    lane.lastError = new Error(`write to ${attempt.address}: ${text}`)
    if (batch.last !== attempt) return
    batch.needsSend = true
    if (this.#leadsElsewhere(batch, attempt)) return
    // A closed link needs no pause: nothing is sent before a leader with an open link is known.
    if (failure !== 'closed') this.#pause(lane)
    this.#parts.routing.refresh(lane.topic, 'produce', attempt.address)
  }

  #result(lane: Lane, batch: Batch, attempt: Attempt, result: WriteResult): void {
    const { probe } = this.#parts.environment
    if (result.error === undefined) {
      if (batch.last !== attempt) probe.reached('client.late-answer-settles')
      this.#remove(lane, batch)
      lane.backoff.reset()
      lane.lastError = undefined
      this.#listener.settled(batch.entries, undefined, batch.partition, result.offset)
      return
    }
    if (errorByCode(result.error).outcome !== 'not-applied') batch.uncertain = true
    if (result.leader !== undefined) {
      probe.reached('client.redirected')
      this.#parts.routing.hint(batch.topicId, batch.partition, result.leader)
    }
    // A newer attempt is out: it decides.
    if (batch.last !== attempt) return
    lane.lastError = new QuorateError(result.error, result.detail)
    batch.needsSend = true
    if (!this.#leadsElsewhere(batch, attempt))
      this.#refused(lane, batch, attempt, result.error, result.detail)
  }

  /** Another leader is known by now: its answer counts, and it is asked at once. */
  #leadsElsewhere({ topicId, partition }: Batch, attempt: Attempt): boolean {
    const address = this.#parts.routing.leader(topicId, partition)?.address
    return address !== undefined && address !== attempt.address
  }

  #refused(lane: Lane, batch: Batch, attempt: Attempt, code: ErrorCode, detail?: string): void {
    const { routing } = this.#parts
    switch (code) {
      case 'QUORATE_OUT_OF_ORDER_SEQUENCE':
      case 'QUORATE_UNKNOWN_PRODUCER':
        // Behind an unanswered batch this is no surprise: both are sent again, in order. At the
        // head it means that the partition will never take this sequence.
        if (lane.inFlight[0] === batch) lane.renumbering = true
        this.#pause(lane)
        return
      case 'QUORATE_PRODUCER_FENCED':
        lane.fenced = true
        this.fail(lane, batch, code, detail)
        return
      case 'QUORATE_NOT_LEADER':
      case 'QUORATE_UNKNOWN_OUTCOME':
      case 'QUORATE_STORAGE_FAILED':
        routing.notLeader(batch.topicId, batch.partition, attempt.address)
        break
      case 'QUORATE_UNKNOWN_TOPIC':
        break
      default:
        if (!errorByCode(code).retriable) {
          this.fail(lane, batch, code, detail)
          return
        }
    }
    this.#pause(lane)
    routing.refresh(lane.topic, 'produce', attempt.address)
  }

  #remove(lane: Lane, batch: Batch): void {
    this.forget(batch)
    lane.trim()
  }

  /** One pause for all batches that come back refused together. */
  #pause(lane: Lane): void {
    const { host, probe } = this.#parts.environment
    const nowMs = host.monotonicMs()
    if (lane.retryAtMs > nowMs) return
    const pauseMs = lane.backoff.next()
    lane.retryAtMs = nowMs + (probe.provoke('client.retry-at-once') ? 0 : pauseMs)
  }

  #wakeAt(lane: Lane, atMs: number, nowMs: number): void {
    const { host } = this.#parts.environment
    if (lane.timer !== undefined) host.clearTimer(lane.timer)
    lane.timer = host.setTimer(() => {
      lane.timer = undefined
      this.#listener.wake(lane)
    }, atMs - nowMs)
  }
}
