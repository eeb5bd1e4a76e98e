// Errors of the client that carry more than a code: where in the log it happened, so that a program
// can go on behind it. All are QuorateError with a code of the table in protocol.
import { QuorateError } from '@quorate/protocol'

/** QUORATE_DECODE_FAILED. Reading can go on from `offset + 1`. */
export class DecodeFailedError extends QuorateError {
  override readonly name: string = 'DecodeFailedError'
  readonly topic: string
  readonly partition: number
  readonly offset: number

  constructor(topic: string, partition: number, offset: number, cause: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    super('QUORATE_DECODE_FAILED', `${topic}/${partition} offset ${offset}${why}`, { cause })
    this.topic = topic
    this.partition = partition
    this.offset = offset
  }
}

/** QUORATE_OFFSET_OUT_OF_RANGE. The partition holds `startOffset` to `endOffset` - 1. */
export class OffsetOutOfRangeError extends QuorateError {
  override readonly name: string = 'OffsetOutOfRangeError'
  readonly topic: string
  readonly partition: number
  /** What was asked for. */
  readonly offset: number
  readonly startOffset: number
  readonly endOffset: number

  constructor(
    topic: string,
    partition: number,
    offset: number,
    range: { readonly startOffset: number; readonly endOffset: number },
  ) {
    const { startOffset, endOffset } = range
    const where = `${topic}/${partition} offset ${offset}, it holds ${startOffset} to ${endOffset - 1}`
    const empty = `${topic}/${partition} offset ${offset}, it is empty and starts at ${startOffset}`
    super('QUORATE_OFFSET_OUT_OF_RANGE', startOffset < endOffset ? where : empty)
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.startOffset = startOffset
    this.endOffset = endOffset
  }
}
