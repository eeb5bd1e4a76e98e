// How far the explorations of explore.test.ts go, by name. Each is complete within its bounds.
import type { Bounds } from './explore.ts'

const budget = { crashes: 1, damages: 1, late: 1, timeouts: 1, proposals: 0, losses: 0 }

export const bounds = {
  /** Everything that can happen to three replicas with one of each. */
  three: {
    replicas: 3,
    damagedMax: 1,
    damages: ['undecided', 'faulty', 'lost', 'torn'],
    budget,
    depthMax: 99,
  },
  /** A message is late while one of five is not sure of its last entry. */
  late: { replicas: 5, damagedMax: 1, damages: ['undecided'], budget, depthMax: 5 },
  /** Two of five are damaged, each in its own way. */
  two: {
    replicas: 5,
    damagedMax: 2,
    damages: ['undecided', 'lost'],
    budget: { ...budget, crashes: 2, damages: 2, late: 0 },
    depthMax: 5,
  },
  /** The power goes while entries are written, and one of three disks does not come back. */
  gone: {
    replicas: 3,
    damagedMax: 1,
    damages: ['torn'],
    budget: { ...budget, crashes: 2, damages: 2, late: 0, losses: 1 },
    depthMax: 99,
  },
  /** One of five is gone for good, and another one has damaged what it wrote last. */
  goneOfFive: {
    replicas: 5,
    damagedMax: 2,
    damages: ['undecided'],
    budget: { ...budget, late: 0, losses: 1 },
    depthMax: 5,
  },
  /** Two of five do not know their ends, and a message is late. */
  lost: {
    replicas: 5,
    damagedMax: 2,
    damages: ['lost'],
    budget: { ...budget, crashes: 2, damages: 2, timeouts: 0 },
    depthMax: 7,
  },
} as const satisfies Record<string, Bounds>

export type BoundsName = keyof typeof bounds

/** The same questions with room for more. */
export const longBounds: Readonly<Record<BoundsName, Bounds>> = {
  three: { ...bounds.three, budget: { ...bounds.three.budget, timeouts: 2 } },
  late: { ...bounds.late, damages: ['undecided', 'lost', 'torn'], depthMax: 6 },
  two: { ...bounds.two, damages: ['undecided', 'faulty', 'lost'], depthMax: 6 },
  gone: { ...bounds.gone, budget: { ...bounds.gone.budget, late: 1 } },
  goneOfFive: {
    ...bounds.goneOfFive,
    damages: ['undecided', 'torn', 'lost'],
    budget: { ...bounds.goneOfFive.budget, crashes: 2, damages: 2 },
    depthMax: 6,
  },
  lost: { ...bounds.lost, budget: { ...bounds.lost.budget, timeouts: 1 } },
}
