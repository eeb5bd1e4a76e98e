// The leading half of a partition actor: admits writes, serves fetches and positions. It exists
// from the moment this replica becomes leader until it stops being one, and serves nothing before
// an entry of its own term has committed. What may enter the log is decided by
// admission.ts, what is visible by the machine; a write's next stop is raft-host.ts.
import type { Clock } from '@quorate/actors'
import { type FetchReply, stampBatch } from '@quorate/protocol'
import { limits } from '../limits.ts'
import type { RaftHost } from '../replication/raft-host.ts'
import { EntryType, type LogEntry } from '../storage/log-entry.ts'
import type { Storage } from '../storage/storage.ts'
import { Admission } from './admission.ts'
import { decideFetch } from './fetch-decision.ts'
import { FetchQueue } from './fetch-queue.ts'
import { encodeLogStart, type LogStart } from './log-start.ts'
import type { PartitionMachine } from './machine.ts'
import type { FetchCommand, OffsetsCommand, WriteCommand } from './partition-message.ts'
import { type LeaderAddress, WriteQueue } from './write-queue.ts'

export interface LeaderSurroundings {
  readonly host: RaftHost
  readonly machine: PartitionMachine
  readonly storage: Storage
  readonly clock: Clock
  /** Asks for a `propose` message behind everything that is ready in this turn. */
  proposeSoon(): void
  /** Runs `run` in this actor's turn; used by reads that complete later. */
  runLater(run: () => void): void
  wakeFetchesAt(monotonicMs: number): void
}

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
    if (this.#writes.gatheredBytes > limits.gatheredWriteBytesMax) {
      this.#writes.refuse(command, 'QUORATE_OVERLOADED')
      return
    }
    this.#writes.gather(command)
    this.#askToPropose()
  }

  /** Admits what this turn gathered, as one run of entries. */
  propose(): void {
    this.#proposeAsked = false
    const admission = this.#admission
    if (admission === undefined) return
    const { host } = this.#around
    const run = host.draft()
    for (const write of this.#writes.takeGathered()) {
      const decision = admission.admit(write.header, run.appendTimeMs)
      if (decision.kind === 'append') {
        const payload = stampBatch(write.batch, decision.baseOffset, host.term)
        const header = { ...write.header, baseOffset: decision.baseOffset, leaderEpoch: host.term }
        const entry = run.add({ type: EntryType.records, payload, header })
        admission.appended(entry)
        this.#writes.await(entry.index, write, decision.baseOffset, false)
      } else if (decision.kind === 'refused') {
        const { code, detail } = decision.error
        this.#writes.refuse(write, code, undefined, detail)
      } else if (decision.index > host.applied) {
        this.#writes.await(decision.index, write, decision.offset, false)
      } else {
        this.#writes.succeed(write, decision.offset, false)
      }
    }
    host.propose(run)
  }

  /** Retention: the log begins later once this has committed. */
  proposeLogStart(logStart: LogStart): void {
    const admission = this.#admission
    if (admission === undefined) return
    const { host } = this.#around
    const run = host.draft()
    admission.appended(run.add({ type: EntryType.logStart, payload: encodeLogStart(logStart) }))
    host.propose(run)
  }

  fetch(command: FetchCommand): void {
    if (!this.ready) {
      if (this.#early.length < limits.waitingFetchesMax) this.#early.push(command)
      else command.respond(this.#emptyReply('QUORATE_OVERLOADED'))
      return
    }
    const { machine, clock } = this.#around
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
      const untilMs = clock.monotonicMs() + Math.min(waitMs, limits.fetchWaitMsMax)
      this.#fetches.wait(command, untilMs)
      this.#around.wakeFetchesAt(untilMs)
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
    for (const entry of entries) {
      this.#admission?.committed(entry.index)
      this.#writes.committed(entry.index)
    }
    for (const fetch of this.#fetches.takeServable(machine.nextOffset)) this.#serve(fetch)
    this.#answerPositions()
  }

  /** Leadership ended. Every open request is answered now. */
  close(leader: LeaderAddress | undefined): void {
    this.#closed = true
    this.#writes.abandon(leader)
    const refusal = this.#emptyReply('QUORATE_NOT_LEADER')
    const reply = leader === undefined ? refusal : { ...refusal, leader }
    for (const fetch of [...this.#early, ...this.#fetches.takeAll()]) fetch.respond(reply)
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
          else command.respond({ offset: found.offset, timestampMs: found.appendTimeMs })
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
      const answer = () => {
        if (error !== undefined) {
          command.respond(this.#emptyReply('QUORATE_STORAGE_FAILED', error.message))
        } else {
          command.respond(this.#recordsReply(entries, bytes))
        }
      }
      if (inline) answer()
      else
        this.#around.runLater(() =>
          this.#closed ? command.respond(this.#emptyReply('QUORATE_NOT_LEADER')) : answer(),
        )
    })
    inline = false
  }

  #recordsReply(entries: readonly LogEntry[], bytesMax: number): FetchReply {
    const pieces: Uint8Array[] = []
    let byteLength = 0
    for (const entry of entries) {
      if (entry.type !== EntryType.records) continue
      if (byteLength > 0 && byteLength + entry.payload.byteLength > bytesMax) break
      for (const piece of entry.payload.pieces) pieces.push(piece)
      byteLength += entry.payload.byteLength
    }
    return { ...this.#emptyReply(), batches: { pieces, byteLength } }
  }

  #emptyReply(error?: FetchReply['error'], detail?: string): FetchReply {
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
