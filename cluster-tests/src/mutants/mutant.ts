// What a mutant is: a bug as patches of source text, who finds it and within which budget.
import type { PlanKind } from 'quorate/laboratory'

export interface Mutant {
  readonly name: string
  /** Number in the list of known bugs of raft/DEVIATIONS.md, if it is one of them. */
  readonly bug?: number
  /** Plans among which it is found; default those without damage. */
  readonly kind?: PlanKind
  /** What a user would lose. */
  readonly harm: string
  readonly patches: readonly Patch[]
  /** Drawn plans, from number 1 on, and CPU seconds that must be enough. */
  readonly budget: Budget
  /** What some violation of the plan that finds it must say. */
  readonly says: RegExp
}

export interface Patch {
  /** From the repository's folder. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Budget {
  readonly plans: number
  readonly cpuSeconds: number
}
