// Runs plans by kind and seed and says of each what must be the same wherever it is run: the hash of
// all events, how many there were, and a digest of what clients did and saw.
import { createHash } from 'node:crypto'
import { type PlanKind, planOfSeed, runPlan } from 'quorate/laboratory'

export interface Named {
  readonly kind: PlanKind
  readonly seed: number
}

export interface Replayed extends Named {
  readonly hash: string
  readonly events: number
  readonly acked: number
  readonly history: string
}

export function replay({ kind, seed }: Named): Replayed {
  const { hash, events, acked, history } = runPlan(planOfSeed(seed, kind))
  return { kind, seed, hash, events, acked, history: digestOf(history) }
}

function digestOf(history: object): string {
  return createHash('sha256').update(JSON.stringify(history, plain)).digest('hex')
}

/** Order counts: what is the same has the same order too. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map || value instanceof Set ? [...value] : value
}
