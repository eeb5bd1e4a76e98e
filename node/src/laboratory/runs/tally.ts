// Adds up the results of a range of seeds: how much was run, and for each fault in how many seeds it
// took effect. What a report says, from a line in a terminal to the laboratory's file.
import { faultsOf } from '../cluster/totals.ts'
import type { PlanKind } from '../plan/plan-kinds.ts'
import type { SeedResult } from './run-seeds.ts'

export interface Frequency {
  /** In how many seeds at least once. */
  readonly seeds: number
  /** How often in all of them. */
  readonly times: number
}

export interface Violation {
  readonly seed: number
  readonly texts: readonly string[]
}

/** Of a run whose process ended instead of answering. */
const noHash = '0'.repeat(16)

export class Tally {
  readonly kind: PlanKind
  readonly firstSeed: number
  plans = 0
  /** Plans that were long enough, acknowledged enough and met a fault. */
  counted = 0
  /** Plans that acknowledged nothing at all. */
  zeroAcks = 0
  simulatedMs = 0
  events = 0
  acked = 0
  unknown = 0
  notApplied = 0
  readonly violations: Violation[] = []
  /** Of each seed, in their order, 16 digits each. */
  readonly hashes: string[] = []
  readonly #faults = new Map<string, Frequency>()
  readonly #coverage = new Map<string, Frequency>()

  constructor(kind: PlanKind, firstSeed: number) {
    this.kind = kind
    this.firstSeed = firstSeed
  }

  /** Steps of plans that found something to break, over all runs. */
  get struck(): number {
    let struck = 0
    for (const [name, { times }] of this.#faults) if (name.startsWith('fault ')) struck += times
    return struck
  }

  /** By name, also those that a run could have met and did not. */
  get faults(): Readonly<Record<string, Frequency>> {
    return Object.fromEntries(this.#faults)
  }

  /** By name of a probe, how often it was reached or fired. */
  get coverage(): Readonly<Record<string, Frequency>> {
    return Object.fromEntries(this.#coverage)
  }

  /** Results come in the order of their seeds, without gaps. */
  add({ seed, counted, violations, summary }: SeedResult): void {
    this.plans += 1
    if (violations.length > 0) this.violations.push({ seed, texts: violations })
    this.hashes.push(summary?.hash ?? noHash)
    if (summary === undefined) return
    if (counted) this.counted += 1
    if (summary.acked === 0) this.zeroAcks += 1
    this.simulatedMs += summary.simulatedMs
    this.events += summary.events
    this.acked += summary.acked
    this.unknown += summary.unknown
    this.notApplied += summary.notApplied
    addTo(this.#faults, faultsOf(summary))
    addTo(this.#coverage, summary.coverage)
  }
}

function addTo(sums: Map<string, Frequency>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    const { seeds, times } = sums.get(name) ?? { seeds: 0, times: 0 }
    sums.set(name, { seeds: seeds + (count > 0 ? 1 : 0), times: times + count })
  }
}
