// The probes of one run: they count the rare branches that nodes and clients take, and make rare
// choices for them at the sites of the plan. Each node and each client draws on its own, by site and
// count. When the faults are over nothing is provoked any more, so that what must happen then happens.
import type { Probe, Random } from '@quorate/actors'
import type { Plan } from '../plan/plan.ts'
import { type ProbeName, provokeOneIn, sitesOf } from '../plan/probe-table.ts'

/** How often each branch was reached and each site fired; absent: never. */
export type Coverage = Readonly<Partial<Record<ProbeName, number>>>

export class SimulatedProbes {
  readonly #random: Random
  readonly #on: ReadonlySet<string>
  readonly #met = new Map<string, number>()
  #stopped = false

  constructor(plan: Plan, random: Random) {
    this.#random = random
    this.#on = new Set(sitesOf(plan))
  }

  /** `owner`: a node or a client. */
  of(owner: string): Probe {
    return {
      reached: (branch) => this.#count(branch),
      provoke: (site) => this.#on.has(site) && this.#fires(owner, site),
    }
  }

  stop(): void {
    this.#stopped = true
  }

  get coverage(): Coverage {
    return Object.fromEntries(this.#met)
  }

  #fires(owner: string, site: string): boolean {
    if (this.#stopped) return false
    if (this.#random.integer(`${owner}/probe/${site}`, provokeOneIn(site)) !== 0) return false
    this.#count(site)
    return true
  }

  #count(name: string): void {
    this.#met.set(name, (this.#met.get(name) ?? 0) + 1)
  }
}
