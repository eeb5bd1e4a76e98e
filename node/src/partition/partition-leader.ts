// The leading half of a partition actor: admits writes, serves fetches and positions. It exists
// from the moment this replica becomes leader until it stops being one, and serves nothing before
// an entry of its own term has committed. What may enter the log is decided by
// admission.ts, what is visible by the machine; a write's next stop is raft-host.ts.
import type { Clock } from '@quorate/actors'
import {
  type ErrorCode,
  type FetchReply,
  type FetchRequest,
  QuorateError,
  stampBatch,
} from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { NodeProbe } from '../probes.ts'
import type { EntryRun } from '../replication/entry-run.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { EntryType, type LogEntry } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import { Admission } from './admission.ts'
import { decideFetch } from './fetch-decision.ts'
import { FetchQueue } from './fetch-queue.ts'
import { encodeLogStart, type LogStart } from './log-start.ts'
import type { PartitionMachine } from './machine.ts'
import type { FetchCommand, OffsetsCommand, WriteCommand } from './partition-message.ts'
import { type LeaderAddress, refusedFetch } from './refusal.ts'
import { WriteQueue } from './write-queue.ts'

export interface LeaderSurroundings {
  readonly host: RaftHost
  readonly machine: PartitionMachine
  readonly storage: Storage
  readonly probe: NodeProbe
  readonly clock: Clock
  /** Asks for a `propose` message behind everything that is ready in this turn. */
  proposeSoon(): void
  /** Runs `run` in this actor's turn, or now when the actor is gone: somebody waits for it. */
  runLater(run: () => void): void
  wakeFetchesAt(monotonicMs: number): void
}

/** Refusals that tell of a rare past. */
const refusals = new Map<ErrorCode, Parameters<NodeProbe['reached']>[0]>([
  ['QUORATE_PRODUCER_FENCED', 'partition.producer-fenced'],
  ['QUORATE_OUT_OF_ORDER_SEQUENCE', 'partition.sequence-refused'],
  ['QUORATE_UNKNOWN_PRODUCER', 'partition.producer-unknown'],
])

interface PendingPosition {
  readonly command: OffsetsCommand
  /** Log index the answer must reflect; unknown until the read is confirmed. */
  index: number | undefined
}

export class PartitionLeader {
  readonly #around: LeaderSurroundings
  readonly #writes: WriteQueue
  readonly #fetches = new FetchQueue()
  readonly #positions = new Map<number, PendingPosition>()
  /** Fetches that arrived before this leader may serve. */
  #early: FetchCommand[] = []
  #lost: LeaderAddress | undefined
  #admission: Admission | undefined
  #proposeAsked = false
  #readIds = 0
  #closed = false
  /** Set while leadership is being handed over: nothing new is admitted. */
  handingOver = false

  constructor(around: LeaderSurroundings) {
    this.#around = around
    this.#writes = new WriteQueue(around.host.group)
  }

  /** True once an entry of this leader's own term has been applied. */
  get ready(): boolean {
    return this.#admission !== undefined
  }

  write(command: WriteCommand): void {
    const refusal = this.handingOver ? 'QUORATE_NOT_LEADER' : this.#around.storage.writable()
    if (refusal !== undefined) {
      this.#writes.refuse(command, refusal)
      return
    }
    if (this.#isFull()) {
      this.#writes.refuse(command, 'QUORATE_OVERLOADED')
      return
    }
    this.#writes.gather(command)
    this.#askToPropose()
  }

  #isFull(): boolean {
    const { gatheredBytes, waitingBytes } = this.#writes
    if (gatheredBytes > limits.gatheredWriteBytesMax) return true
    if (waitingBytes > limits.uncommittedBytesMax) return true
    return waitingBytes > 0 && this.#around.probe.provoke('partition.write-refused')
  }

  /** Admits what this turn gathered, as one run of entries. */
  propose(): void {
    this.#proposeAsked = false
    const admission = this.#admission
    if (admission === undefined) return
    const { host } = this.#around
    const gathered = this.#writes.takeGathered()
    if (gathered.length === 0) return
    const run = host.draft()
    let admitted = 0
    try {
      for (const write of gathered) {
        this.#admit(write, admission, run)
        admitted += 1
      }
    } catch (error) {
      // A defect: this actor restarts. Nothing of the run was proposed.
      for (const write of gathered.slice(admitted)) this.#writes.refuse(write, 'QUORATE_NOT_LEADER')
      throw error
    }
    host.propose(run)
  }

  #admit(write: WriteCommand, admission: Admission, run: EntryRun): void {
    const { host, probe } = this.#around
    const { header, batch } = write
    const decision = admission.admit(header, run.appendTimeMs)
    if (decision.kind === 'append') {
      const { baseOffset } = decision
      const payload = stampBatch(batch, baseOffset, host.term)
      const entry = run.addRecords(payload, { ...header, baseOffset, leaderEpoch: host.term })
      admission.appended(entry)
      this.#writes.await(entry.index, write, baseOffset)
    } else if (decision.kind === 'refused') {
      const { code, detail } = decision.error
      const branch = refusals.get(code)
      if (branch !== undefined) probe.reached(branch)
      this.#writes.refuse(write, code, undefined, detail)
    } else if (decision.index > host.applied) {
      // Its original may yet be lost with this leader: no answer before that is committed.
      probe.reached('partition.duplicate-awaited')
      this.#writes.await(decision.index, write, decision.offset)
    } else {
      probe.reached('partition.duplicate-answered')
      this.#writes.succeed(write, decision.offset)
    }
  }

  /** Retention: the log begins later once this has committed. */
  proposeLogStart(logStart: LogStart): void {
    const admission = this.#admission
    if (admission === undefined) return
    const { host } = this.#around
    const run = host.draft()
    admission.appended(run.add(EntryType.logStart, encodeLogStart(logStart)))
    host.propose(run)
  }

  /** An entry that the host made by itself enters the log. */
  proposed(entry: LogEntry): void {
    this.#admission?.appended(entry)
  }

  fetch(command: FetchCommand): void {
    if (!this.ready) {
      this.#around.probe.reached('partition.fetch-before-serving')
      if (this.#early.length < limits.waitingFetchesMax) this.#early.push(command)
      else command.respond(this.#emptyReply('QUORATE_OVERLOADED'))
      return
    }
    const { machine, clock, probe } = this.#around
    const { offset, waitMs } = command.request
    const decision = decideFetch({
      offset,
      logStartOffset: machine.logStart.offset,
      highWatermark: machine.nextOffset,
      logEndOffset: this.#admission!.nextOffset,
    })
    if (decision === 'out-of-range') {
      command.respond(this.#emptyReply('QUORATE_OFFSET_OUT_OF_RANGE'))
    } else if (decision === 'serve') {
      this.#serve(command)
    } else if (waitMs <= 0 || this.#fetches.size >= limits.waitingFetchesMax) {
      command.respond(this.#emptyReply())
    } else {
      const isShort = probe.provoke('partition.fetch-ends-early')
      const untilMs = clock.monotonicMs() + (isShort ? 1 : Math.min(waitMs, limits.fetchWaitMsMax))
      const earlier = this.#fetches.deadlineMs
      this.#fetches.wait(command, untilMs)
      if (untilMs < earlier) this.#around.wakeFetchesAt(untilMs)
    }
  }

  expireFetches(): void {
    const nowMs = this.#around.clock.monotonicMs()
    for (const fetch of this.#fetches.takeExpired(nowMs)) fetch.respond(this.#emptyReply())
    if (this.#fetches.size > 0) this.#around.wakeFetchesAt(this.#fetches.deadlineMs)
  }

  /** Positions are linearizable: they wait for a confirmed read and for its index to be applied. */
  offsets(command: OffsetsCommand): void {
    if (this.#positions.size >= limits.waitingReadsMax) {
      command.respond({ error: 'QUORATE_NOT_LEADER' })
      return
    }
    this.#readIds += 1
    this.#positions.set(this.#readIds, { command, index: undefined })
    this.#around.host.step({ type: 'read', readId: this.#readIds })
  }

  readReady(readId: number, index: number): void {
    const pending = this.#positions.get(readId)
    if (pending === undefined) return
    pending.index = index
    this.#answerPositions()
  }

  readRefused(readId: number): void {
    const pending = this.#positions.get(readId)
    this.#positions.delete(readId)
    pending?.command.respond({ error: 'QUORATE_NOT_LEADER' })
  }

  /** Entries were applied to the machine: answer writes, long polls and positions. */
  applied(entries: readonly LogEntry[]): void {
    const { host, machine } = this.#around
    if (this.#admission === undefined && entries.at(-1)!.term === host.term) {
      const suffix = host.log.entriesFrom(host.applied + 1)
      this.#admission = new Admission(machine, suffix)
      this.#askToPropose()
      const early = this.#early
      this.#early = []
      for (const fetch of early) this.fetch(fetch)
    }
    this.#admission?.committed(entries.at(-1)!.index)
    if (this.#writes.waiting > 0) {
      for (const entry of entries) this.#writes.committed(entry.index)
    }
    for (const fetch of this.#fetches.takeServable(machine.nextOffset)) this.#serve(fetch)
    this.#answerPositions()
  }

  /** Leadership ended. Every open request is answered now. */
  close(leader: LeaderAddress | undefined): void {
    this.#closed = true
    this.#lost = leader
    if (this.#writes.waiting > 0) this.#around.probe.reached('partition.write-abandoned')
    this.#writes.abandon(leader)
    for (const fetch of [...this.#early, ...this.#fetches.takeAll()]) {
      fetch.respond(refusedFetch(leader))
    }
    this.#early = []
    for (const { command } of this.#positions.values()) {
      command.respond({ error: 'QUORATE_NOT_LEADER' })
    }
    this.#positions.clear()
  }

  #askToPropose(): void {
    if (this.#proposeAsked || !this.ready) return
    this.#proposeAsked = true
    this.#around.proposeSoon()
  }

  #answerPositions(): void {
    for (const [readId, { command, index }] of this.#positions) {
      if (index === undefined || index > this.#around.host.applied || !this.ready) continue
      this.#positions.delete(readId)
      this.#answerPosition(command)
    }
  }

  #answerPosition(command: OffsetsCommand): void {
    const { host, machine } = this.#around
    if (command.at === 'earliest') {
      command.respond({ offset: machine.logStart.offset })
    } else if (command.at === 'latest') {
      command.respond({ offset: machine.nextOffset })
    } else {
      host.log.offsetAtTime(command.at.timeMs, host.applied, (error, found) => {
        this.#around.runLater(() => {
          if (error !== undefined) command.respond({ error: 'QUORATE_STORAGE_FAILED' })
          else if (found === undefined) command.respond({ offset: machine.nextOffset })
          else {
            // Storage may still hold what retention has retired.
            const offset = Math.max(found.offset, machine.logStart.offset)
            command.respond({ offset, timestampMs: found.appendTimeMs })
          }
        })
      })
    }
  }

  /** Answers from stored bytes: whole record batches, none of them decoded. */
  #serve(command: FetchCommand): void {
    const { host } = this.#around
    const { offset, maxBytes } = command.request
    const bytes = Math.max(1, Math.min(maxBytes, limits.fetchReplyBytesMax))
    let inline = true
    host.log.read({ offset }, { index: host.applied, bytes }, (error, _previous, entries) => {
      if (inline) this.#answerFetch(command, error, entries)
      else this.#around.runLater(() => this.#answerFetch(command, error, entries))
    })
    inline = false
  }

  #answerFetch(
    command: FetchCommand,
    error: Error | undefined,
    entries: readonly LogEntry[],
  ): void {
    if (this.#closed) command.respond(refusedFetch(this.#lost))
    else if (error === undefined) command.respond(this.#recordsReply(entries, command.request))
    else if (command.request.offset < this.#around.machine.logStart.offset) {
      // Retired while it was being read.
      this.#around.probe.reached('partition.retired-while-read')
      command.respond(this.#emptyReply('QUORATE_OFFSET_OUT_OF_RANGE'))
    } else {
      const code = error instanceof QuorateError ? error.code : 'QUORATE_STORAGE_FAILED'
      // A hole is filled by peers, or leadership goes to one of them: it is worth another attempt.
      const isMended =
        code === 'QUORATE_STORAGE_DAMAGED' && this.#around.host.log.holes().length > 0
      command.respond(this.#emptyReply(isMended ? 'QUORATE_NOT_LEADER' : code, error.message))
    }
  }

  #recordsReply(entries: readonly LogEntry[], { maxBytes }: FetchRequest): FetchReply {
    const isShort = this.#around.probe.provoke('partition.fetch-short')
    const bytesMax = isShort ? 1 : Math.min(maxBytes, limits.fetchReplyBytesMax)
    const pieces: Uint8Array[] = []
    let byteLength = 0
    for (const entry of entries) {
      if (entry.type !== EntryType.records) continue
      if (byteLength > 0 && byteLength + entry.payload.byteLength > bytesMax) break
      for (const piece of entry.payload.pieces) pieces.push(piece)
      byteLength += entry.payload.byteLength
    }
    const { nextOffset, logStart } = this.#around.machine
    return {
      highWatermark: nextOffset,
      logStartOffset: logStart.offset,
      batches: { pieces, byteLength },
    }
  }

  #emptyReply(error?: ErrorCode, detail?: string): FetchReply {
    const { machine } = this.#around
    return {
      ...(error === undefined ? {} : { error }),
      ...(detail === undefined ? {} : { detail }),
      highWatermark: machine.nextOffset,
      logStartOffset: machine.logStart.offset,
      batches: { pieces: [], byteLength: 0 },
    }
  }
}
