// Where a reader begins and ends in each partition: given by the caller, or asked of the cluster.
// The answers are those of the leaders, so what was acknowledged before is seen.
import type { OffsetsRequest } from '@quorate/protocol'
import { apiSubject, QuorateError } from '@quorate/protocol'
import type { Calls } from './calls.ts'
import type { PartitionReader } from './partition-reader.ts'

export type StartFrom =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'time'; readonly timeMs: number }
  /** Partitions that are not named start at the earliest offset. */
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, number> }

export interface StartSettings {
  readonly topic: string
  readonly from: StartFrom
  /** Ends where each partition ended when the reader started. */
  readonly untilEnd: boolean
}

export class StartFinder {
  readonly #calls: Calls
  readonly #settings: StartSettings
  readonly #cancels = new Set<() => void>()

  constructor(calls: Calls, settings: StartSettings) {
    this.#calls = calls
    this.#settings = settings
  }

  /** Sets the reader's position and end; `done` once both are there, or with the first error. */
  find(reader: PartitionReader, deadlineMs: number, done: (error?: QuorateError) => void): void {
    const given = this.#given(reader)
    reader.trusted = given === undefined
    reader.position = given
    reader.endOffset = this.#settings.untilEnd ? undefined : Number.POSITIVE_INFINITY
    const check = () => {
      if (reader.position !== undefined && reader.endOffset !== undefined) done()
    }
    const ask = (at: OffsetsRequest['at'], found: (offset: number) => void) => {
      this.#ask(reader, at, deadlineMs, (error, offset) => {
        if (error !== undefined) {
          done(error)
          return
        }
        found(offset)
        check()
      })
    }
    if (given === undefined) {
      ask(this.#at(), (offset) => {
        reader.position = offset
      })
    }
    if (reader.endOffset === undefined) {
      ask('latest', (offset) => {
        reader.endOffset = offset
      })
    }
    check()
  }

  /** Whether the caller asked for whatever the partition still has. */
  startsAtEarliest(reader: PartitionReader): boolean {
    const { from } = this.#settings
    return (
      from.kind === 'earliest' || (from.kind === 'offsets' && this.#given(reader) === undefined)
    )
  }

  close(): void {
    for (const cancel of this.#cancels) cancel()
    this.#cancels.clear()
  }

  #given(reader: PartitionReader): number | undefined {
    const { from } = this.#settings
    return from.kind === 'offsets' ? from.offsets.get(reader.partition) : undefined
  }

  #at(): OffsetsRequest['at'] {
    const { from } = this.#settings
    if (from.kind === 'time') return { timeMs: from.timeMs }
    return from.kind === 'offsets' ? 'earliest' : from.kind
  }

  #ask(
    { partition, topicId }: PartitionReader,
    at: OffsetsRequest['at'],
    deadlineMs: number,
    done: (error: QuorateError | undefined, offset: number) => void,
  ): void {
    const request: OffsetsRequest = { partition, at, topicId }
    const options = { deadlineMs, repeatable: true }
    const subject = apiSubject('offsets', this.#settings.topic)
    const cancel = this.#calls.call(subject, request, options, (error, reply) => {
      this.#cancels.delete(cancel)
      const offset = (reply as { offset?: unknown } | undefined)?.offset
      if (error !== undefined || Number.isSafeInteger(offset)) done(error, Number(offset))
      else done(new QuorateError('QUORATE_INTERNAL', `${subject}: reply without an offset`), -1)
    })
    this.#cancels.add(cancel)
  }
}
