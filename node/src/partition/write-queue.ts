// Writes on their way through one partition leader: those gathered in this turn, and those in the
// log that wait for their entry to commit. Decides nothing: admission.ts says what may enter the
// log. Every write is answered exactly once, and one whose fate is open when leadership ends is
// answered as unknown, never as failed.
import type { ErrorCode, WriteResult } from '@quorate/protocol'
import type { GroupId } from '../storage/log-entry.ts'
import type { WriteCommand } from './partition-message.ts'
import type { LeaderAddress } from './refusal.ts'

interface Waiter {
  readonly write: WriteCommand
  readonly offset: number
}

export class WriteQueue {
  readonly #group: GroupId
  #gathered: WriteCommand[] = []
  #gatheredBytes = 0
  #waitingBytes = 0
  /** Writes answered by the entry at an index; several when a batch was sent again. */
  readonly #waiting = new Map<number, Waiter[]>()

  constructor(group: GroupId) {
    this.#group = group
  }

  get gatheredBytes(): number {
    return this.#gatheredBytes
  }
  /** Of batches in the log that wait to be committed; resends count too. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }
  /** Entries that somebody waits for. */
  get waiting(): number {
    return this.#waiting.size
  }

  gather(write: WriteCommand): void {
    this.#gathered.push(write)
    this.#gatheredBytes += write.batch.byteLength
  }

  takeGathered(): readonly WriteCommand[] {
    const taken = this.#gathered
    this.#gathered = []
    this.#gatheredBytes = 0
    return taken
  }

  /** Answers the write when the entry at `index` commits. */
  await(index: number, write: WriteCommand, offset: number): void {
    const waiter = { write, offset }
    this.#waitingBytes += write.batch.byteLength
    const others = this.#waiting.get(index)
    if (others === undefined) this.#waiting.set(index, [waiter])
    else others.push(waiter)
  }

  committed(index: number): void {
    const waiters = this.#waiting.get(index)
    if (waiters === undefined) return
    this.#waiting.delete(index)
    for (const { write, offset } of waiters) {
      this.#waitingBytes -= write.batch.byteLength
      this.succeed(write, offset)
    }
  }

  /** A resend answered here is no duplicate to its sender: it has never had an answer. */
  succeed(write: WriteCommand, offset: number): void {
    const { topicId, partition } = this.#group
    write.respond({ topicId, partition, offset, duplicate: false })
  }

  refuse(write: WriteCommand, error: ErrorCode, leader?: LeaderAddress, detail?: string): void {
    const { topicId, partition } = this.#group
    const result: WriteResult = {
      topicId,
      partition,
      error,
      offset: -1,
      duplicate: false,
      ...(leader === undefined ? {} : { leader }),
      ...(detail === undefined ? {} : { detail }),
    }
    write.respond(result)
  }

  /** Leadership ended: gathered writes never entered the log, waiting ones may yet commit. */
  abandon(leader: LeaderAddress | undefined): void {
    for (const write of this.takeGathered()) this.refuse(write, 'QUORATE_NOT_LEADER', leader)
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    this.#waitingBytes = 0
    for (const waiters of waiting) {
      for (const { write } of waiters) this.refuse(write, 'QUORATE_UNKNOWN_OUTCOME', leader)
    }
  }
}
