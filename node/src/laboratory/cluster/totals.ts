// Sums over many runs: how many counted, what was sent, and how often each fault took effect. A run
// counts only if it was long enough, acknowledged enough and something really broke.
import { type ProbeName, probeNames } from '../plan/probe-table.ts'
import type { RunSummary } from './run-result.ts'

export const countedMs = 10_000
export const countedAcks = 100

/** A plan that proved something: bounds of the run, not of its result. */
export function counts(result: RunSummary): boolean {
  const enough = result.simulatedMs >= countedMs && result.acked >= countedAcks
  return enough && effects(result) > 0
}

/** Steps of all kinds that took effect. */
export function effects({ applied }: RunSummary): number {
  return Object.values(applied).reduce((sum, count) => sum + count, 0)
}

/**
 * How often each fault struck (`fault …`) and was met by something, by name; 0 for those that a run
 * knows and did not have.
 */
export function faultsOf(result: RunSummary): Record<string, number> {
  const groups = {
    fault: result.applied,
    'met network': result.network,
    'met disk': result.disks,
    damage: result.damages,
    change: result.changes,
  }
  const named = Object.entries(groups).flatMap(([group, counts]) =>
    Object.entries(counts).map(([name, count]) => [`${group} ${name}`, count] as const),
  )
  return Object.fromEntries(named)
}

export class Totals {
  runs = 0
  counted = 0
  /** Runs that acknowledged nothing at all. */
  zeroAcks = 0
  readonly #sums = new Map<string, number>()
  readonly #seeds = new Map<string, number>()

  add(result: RunSummary): void {
    this.runs += 1
    if (counts(result)) this.counted += 1
    if (result.acked === 0) this.zeroAcks += 1
    const { acked, unknown, notApplied, retired, churned, elections, copiesChecked, exits } = result
    const { simulatedMs, events, away, stopped, recoveries, beyond, lost } = result
    const plain = {
      acked,
      unknown,
      notApplied,
      retired,
      churned,
      elections,
      copiesChecked,
      exits,
      beyond,
      away,
      stopped,
      lost,
      events,
    }
    this.#add('', { simulatedSeconds: simulatedMs / 1000, ...plain })
    this.#add('', faultsOf(result))
    this.#add('', recoveries)
    for (const name of Object.keys(result.coverage)) {
      this.#seeds.set(name, (this.#seeds.get(name) ?? 0) + 1)
    }
  }

  of(name: string): number {
    return this.#sums.get(name) ?? 0
  }

  /** Runs in which each branch was reached and each site fired, those in none included. */
  get coverage(): Readonly<Record<ProbeName, number>> {
    const entries = probeNames.map((name) => [name, this.#seeds.get(name) ?? 0] as const)
    return Object.fromEntries(entries) as Record<ProbeName, number>
  }

  /** One line per number. */
  lines(): string[] {
    const sums = [...this.#sums].map(([name, sum]) => `${name}: ${Math.round(sum)}`)
    return [`plans: ${this.runs}, ${this.counted} of them count`, ...sums]
  }

  #add(prefix: string, numbers: Readonly<Record<string, number>>): void {
    for (const [name, number] of Object.entries(numbers)) {
      this.#sums.set(prefix + name, this.of(prefix + name) + number)
    }
  }
}
