// What a leader does with a fetch at an offset. Pure. A reader sees only what is committed; what is
// above the high watermark but not above the log's end may yet be committed, so a fetch there waits
// instead of failing.

export interface FetchPosition {
  readonly offset: number
  /** First offset that can be read. */
  readonly logStartOffset: number
  /** Offset after the last committed record. */
  readonly highWatermark: number
  /** Offset after the last record in the leader's log. */
  readonly logEndOffset: number
}

export type FetchDecision = 'serve' | 'wait' | 'out-of-range'

export function decideFetch(position: FetchPosition): FetchDecision {
  const { offset, logStartOffset, highWatermark, logEndOffset } = position
  if (offset < logStartOffset || offset > logEndOffset) return 'out-of-range'
  return offset < highWatermark ? 'serve' : 'wait'
}
