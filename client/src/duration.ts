// Durations as people write them. Inside the client every duration is an integer number of
// milliseconds and says so in its name.
import { QuorateError } from '@quorate/protocol'

/** Milliseconds, or a number with a unit: `'250ms'`, `'10s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `name` is the option, for the error. */
export function durationMs(name: string, duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (Number.isFinite(ms) && ms >= 0 && ms <= Number.MAX_SAFE_INTEGER) return Math.round(ms)
  const shown = typeof duration === 'number' ? String(duration) : JSON.stringify(duration)
  const detail = `${name} is ${shown}, not milliseconds or a text like '250ms', '10s' or '7d'`
  throw new QuorateError('QUORATE_INVALID_ARGUMENT', detail)
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * unitsMs[match[2]!]!
}
