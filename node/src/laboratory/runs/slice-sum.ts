// What all slices of a report show together: how much was run, how often each fault and each rare
// branch was met, and which of them too seldom.
import { faultNames } from '../plan/fault-table.ts'
import type { PlanKind } from '../plan/plan-kinds.ts'
import { probeNames } from '../plan/probe-table.ts'
import type { Slice } from './slice.ts'

/** A name that was met in fewer seeds proves little. */
export const seedsWanted = 100

export interface SliceSum {
  readonly commits: readonly string[]
  readonly slices: number
  readonly plans: number
  readonly counted: number
  readonly zeroAcks: number
  readonly wallHours: number
  readonly simulatedHours: number
  readonly acked: number
  readonly events: number
  readonly kinds: Readonly<Partial<Record<PlanKind, number>>>
  /** By name, in how many seeds; names of today that no slice has are there with 0. */
  readonly faults: Readonly<Record<string, number>>
  readonly coverage: Readonly<Record<string, number>>
  /** Faults of plans and probes that were met in fewer than `seedsWanted` seeds. */
  readonly seldom: readonly string[]
  readonly violations: readonly {
    readonly kind: PlanKind
    readonly seed: number
    readonly commit: string
  }[]
}

export function sumSlices(slices: readonly Slice[]): SliceSum {
  const total = (field: (slice: Slice) => number) =>
    slices.reduce((sum, slice) => sum + field(slice), 0)
  const kinds: Partial<Record<PlanKind, number>> = {}
  for (const { kind, plans } of slices) kinds[kind] = (kinds[kind] ?? 0) + plans
  const struck = faultNames.map((name) => `fault ${name}`)
  const faults = added(
    struck,
    slices.map((slice) => slice.faults),
  )
  const coverage = added(
    probeNames,
    slices.map((slice) => slice.coverage),
  )
  const isSeldom = ([, seeds]: readonly [string, number]) => seeds < seedsWanted
  const wanted = [
    ...struck.map((name) => [name, faults[name]!] as const),
    ...Object.entries(coverage),
  ]
  return {
    commits: [...new Set(slices.map(({ commit }) => commit))],
    slices: slices.length,
    plans: total(({ plans }) => plans),
    counted: total(({ counted }) => counted),
    zeroAcks: total(({ zeroAcks }) => zeroAcks),
    wallHours: hours(total(({ wallSeconds }) => wallSeconds)),
    simulatedHours: hours(total(({ simulatedSeconds }) => simulatedSeconds)),
    acked: total(({ acked }) => acked),
    events: total(({ events }) => events),
    kinds,
    faults,
    coverage,
    seldom: wanted.filter(isSeldom).map(([name]) => name),
    violations: slices.flatMap(({ kind, commit, violations }) =>
      violations.map((seed) => ({ kind, seed, commit })),
    ),
  }
}

function added(
  names: readonly string[],
  all: readonly Readonly<Record<string, number>>[],
): Record<string, number> {
  const sums = new Map(names.map((name) => [name, 0]))
  for (const [name, seeds] of all.flatMap((each) => Object.entries(each))) {
    sums.set(name, (sums.get(name) ?? 0) + seeds)
  }
  return Object.fromEntries(sums)
}

function hours(seconds: number): number {
  return Math.round(seconds / 36) / 100
}
