// Medians and figures as people read them.
import type { Histogram } from 'hdr-histogram-js'
import { build } from 'hdr-histogram-js'

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  if (sorted.length % 2 === 1) return sorted[middle]!
  return (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Of microseconds, up to a minute. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  })
}

export interface Percentiles {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly count: number
}

export function percentiles(histogram: Histogram): Percentiles {
  return {
    p50Ms: milliseconds(histogram.getValueAtPercentile(50)),
    p99Ms: milliseconds(histogram.getValueAtPercentile(99)),
    maxMs: milliseconds(histogram.maxValue),
    count: histogram.totalCount,
  }
}

export function rounded(value: number, digits = 2): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '–'
}

export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function milliseconds(microseconds: number): number {
  return Math.round(microseconds / 10) / 100
}
