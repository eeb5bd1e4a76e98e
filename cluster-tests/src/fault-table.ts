// The faults a plan may name, as a table: what each does and which targets it takes. The last word
// on their effect is in faults.ts.
import type { TargetKind } from './target-grammar.ts'

export interface FaultRow {
  readonly targets: readonly TargetKind[]
  readonly meaning: string
}

export const faultTable = {
  isolate: {
    targets: ['one', 'minority'],
    meaning: 'the target is cut off from everybody; nodes of a minority still reach each other',
  },
  'isolate-peers': {
    targets: ['one', 'minority'],
    meaning: 'as isolate, but clients still reach the target',
  },
  mute: {
    targets: ['one'],
    meaning: 'asymmetric: the target hears the other nodes and they do not hear it',
  },
  deafen: {
    targets: ['one'],
    meaning: 'asymmetric: the other nodes hear the target and it does not hear them',
  },
  cut: { targets: ['pair'], meaning: 'nothing passes between the two' },
  'cut-forward': { targets: ['pair'], meaning: 'nothing passes from the first to the second' },
  reset: {
    targets: ['one', 'pair', 'all'],
    meaning: 'links break, what was under way arrives in part; again each 200 ms while it lasts',
  },
  delay: {
    targets: ['one', 'pair', 'all'],
    meaning: 'messages take 30 to 180 ms longer',
  },
  power: {
    targets: ['one', 'minority', 'all'],
    meaning: 'the machine dies with all writes that were not synced, and starts again afterwards',
  },
  kill: {
    targets: ['one', 'minority', 'all'],
    meaning: 'the process dies, its writes stay in the page cache, and it starts again afterwards',
  },
  stop: {
    targets: ['one', 'minority', 'all'],
    meaning:
      'the process ends as on SIGTERM, handing over what it leads, and starts again afterwards',
  },
  pause: { targets: ['one'], meaning: 'the process stands still, as under SIGSTOP' },
  'jump-clock': { targets: ['one', 'all'], meaning: 'the calendar jumps 7 s ahead, and back' },
  'stall-disk': { targets: ['one', 'all'], meaning: 'no write or sync completes' },
  'full-disk': { targets: ['one', 'minority', 'all'], meaning: 'writes that need room fail' },
} as const satisfies Readonly<Record<string, FaultRow>>

export type FaultName = keyof typeof faultTable

export const faultNames = Object.keys(faultTable) as readonly FaultName[]

export function isFault(name: unknown): name is FaultName {
  return typeof name === 'string' && Object.hasOwn(faultTable, name)
}
