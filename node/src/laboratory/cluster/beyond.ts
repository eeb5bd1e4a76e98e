// What must hold when a committed entry is lost on every disk, and retention has not removed it: its
// partition stops or refuses the range, some node names a file and a range of indexes with the entry in
// it, nobody is served the entry's offset or jumps over it, and partitions that lost nothing go on. Pure;
// run-plan.ts asks it.
import type { LostEntry } from './damage-entry.ts'

/** What a reader got that began at one place. */
export interface Reading {
  readonly reader: string
  readonly records: readonly { readonly offset: number }[]
}

/** An event by which a node said what it lost. */
export interface DamageEvent {
  readonly group?: string
  readonly file?: string
  readonly firstIndex?: number
  readonly lastIndex?: number
}

export interface Outcome {
  /** What readers got that began at the lost offset, and at the partition's first. */
  readonly attempts: readonly { readonly entry: LostEntry; readonly readings: readonly Reading[] }[]
  /** Partitions that took no write after healing. */
  readonly stopped: ReadonlySet<number>
  /**
   * Partitions that lost an entry on every disk: at once or copy by copy, and also when retention has
   * removed it since.
   */
  readonly hurt: ReadonlySet<number>
  /** Nothing but such entries was damaged. */
  readonly only: boolean
  readonly events: readonly DamageEvent[]
}

/** Whether retention has left the entry: below the start of its partition nobody misses it. */
export function isRetained(
  { partition, baseOffset }: LostEntry,
  starts: ReadonlyMap<number, number>,
): boolean {
  return baseOffset >= (starts.get(partition) ?? 0)
}

export function checkLostEntries({ attempts, stopped, hurt, only, events }: Outcome): string[] {
  const violations: string[] = []
  for (const { entry, readings } of attempts) {
    const { group, index, baseOffset } = entry
    const what = `entry ${index} of ${group} (offset ${baseOffset}) is lost, and`
    if (!isNamed(entry, events)) {
      violations.push(`${what} no node names a file and a range with it`)
    }
    for (const { reader, records } of readings) {
      const served = records.find(({ offset }) => offset >= baseOffset)
      if (served !== undefined) violations.push(`${what} ${reader} was given ${served.offset}`)
    }
  }
  if (!only) return violations
  for (const partition of stopped) {
    if (hurt.has(partition)) continue
    violations.push(`partition ${partition} has lost nothing, and stopped`)
  }
  return violations
}

/** Whether a node has named a file and a range with the entry in it. */
export function isNamed(
  entry: Pick<LostEntry, 'group' | 'index'>,
  events: readonly DamageEvent[],
): boolean {
  return events.some(({ group, file, firstIndex = Number.POSITIVE_INFINITY, lastIndex = -1 }) => {
    if (group !== entry.group || file === undefined) return false
    return firstIndex <= entry.index && entry.index <= lastIndex
  })
}
