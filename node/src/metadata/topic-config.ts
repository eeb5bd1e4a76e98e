// Options of one topic: defaults, ranges and how they bound each other. Filled in once, when the
// create command is made, and carried whole in it, so that a later change of a default changes no
// existing topic. Pure; next stop: commands.ts.
import { QuorateError } from '@quorate/protocol'

/** Every field is set. Immutable for the life of the topic in this version. */
export interface TopicConfig {
  /** Records older than this may be removed; −1: kept for ever. */
  readonly retentionMs: number
  /** Above this size of a partition the oldest segments are removed; −1: no bound. */
  readonly retentionBytes: number
  /** A segment ends at this size. */
  readonly segmentBytes: number
  /** A segment ends when it has been written to for this long. */
  readonly segmentMs: number
}

/** What a creator may say; the rest is derived. */
export interface TopicConfigInput {
  readonly retentionMs?: number | undefined
  readonly retentionBytes?: number | undefined
  readonly segmentBytes?: number | undefined
  readonly segmentMs?: number | undefined
}

interface Range {
  readonly min: number
  readonly max: number
  /** −1 means unlimited. */
  readonly unlimited: boolean
}

const dayMs = 86_400_000
const kib = 1024
const gib = 1024 ** 3

/** Ranges, ends included. */
export const topicConfigRanges: Readonly<Record<keyof TopicConfig, Range>> = {
  retentionMs: { min: 1000, max: 3650 * dayMs, unlimited: true },
  retentionBytes: { min: 64 * kib, max: 1024 * 1024 * gib, unlimited: true },
  segmentBytes: { min: 16 * kib, max: gib, unlimited: false },
  segmentMs: { min: 250, max: 30 * dayMs, unlimited: false },
}

export const defaultRetentionMs = 7 * dayMs
export const defaultSegmentBytes = 64 * 1024 * kib
export const defaultSegmentMs = dayMs

/**
 * Fills in what is not said. Retention works on whole segments, so by default one is at most a
 * quarter of what is to be kept. Throws QUORATE_INVALID_ARGUMENT naming the field.
 */
export function topicConfig(input: TopicConfigInput): TopicConfig {
  const retentionMs = input.retentionMs ?? defaultRetentionMs
  const retentionBytes = input.retentionBytes ?? -1
  const { segmentBytes: bytesRange, segmentMs: msRange } = topicConfigRanges
  const config: TopicConfig = {
    retentionMs,
    retentionBytes,
    segmentBytes:
      input.segmentBytes ?? quarterOf(retentionBytes, defaultSegmentBytes, bytesRange.min),
    segmentMs: input.segmentMs ?? quarterOf(retentionMs, defaultSegmentMs, msRange.min),
  }
  const problem = topicConfigProblem(config)
  if (problem !== undefined) throw new QuorateError('QUORATE_INVALID_ARGUMENT', problem)
  return config
}

/** What is wrong with a whole configuration, in words; `undefined` when nothing is. */
export function topicConfigProblem(config: TopicConfig): string | undefined {
  for (const [name, range] of Object.entries(topicConfigRanges)) {
    const value = config[name as keyof TopicConfig]
    if (range.unlimited && value === -1) continue
    if (!Number.isSafeInteger(value) || value < range.min || value > range.max) {
      const unlimited = range.unlimited ? ', or -1 for unlimited' : ''
      return `${name} is ${value}, allowed is ${range.min} to ${range.max}${unlimited}`
    }
  }
  if (config.retentionBytes !== -1 && config.segmentBytes > config.retentionBytes) {
    return `segmentBytes ${config.segmentBytes} is above retentionBytes ${config.retentionBytes}`
  }
  return undefined
}

function quarterOf(kept: number, normal: number, min: number): number {
  return kept === -1 ? normal : Math.min(normal, Math.max(min, Math.floor(kept / 4)))
}
