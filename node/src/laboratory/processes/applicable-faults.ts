// Which faults of a plan real processes can have, and why the others cannot; and the words by which a
// person asks for them. A table of names, nothing is done here.
import { type FaultName, faultNames } from '../plan/fault-table.ts'
import { type FileFault, fileFaultNames } from './file-faults.ts'
import { type LinkFault, linkFaultNames } from './link-faults.ts'

export type ProcessFault = LinkFault | FileFault | 'kill' | 'stop' | 'pause' | 'full-disk'

/** Word → what is drawn for it. */
export const faultWords = {
  kill: ['kill', 'stop'],
  pause: ['pause'],
  partition: ['isolate', 'isolate-peers', 'mute', 'deafen', 'cut', 'cut-forward'],
  link: ['delay', 'reset'],
  'disk-full': ['full-disk'],
  damage: fileFaultNames,
} as const satisfies Readonly<Record<string, readonly ProcessFault[]>>

export type FaultWord = keyof typeof faultWords

const applicable: ReadonlySet<FaultName> = new Set<FaultName>([
  ...linkFaultNames,
  ...fileFaultNames,
  'kill',
  'stop',
  'pause',
  'full-disk',
])

export function isProcessFault(fault: FaultName): fault is ProcessFault {
  return applicable.has(fault)
}

const reasons: readonly (readonly [RegExp, string])[] = [
  [/^power/, 'the power of this machine cannot be cut; npm run chaos -- storage journals writes'],
  [/^transfer/, 'no command hands over what a node leads; stop does so once'],
  [/^jump-clock$/, 'all nodes share the clock of this machine'],
  [/^(add|remove|replace|move|rebalance)/, 'changes of nodes are in npm run chaos -- membership'],
]

/** Why no real process can have it. */
export function whyNot(fault: FaultName): string {
  return reasons.find(([name]) => name.test(fault))?.[1] ?? 'only a simulated disk does that'
}

export const inapplicableFaults: readonly FaultName[] = faultNames.filter(
  (fault) => !isProcessFault(fault),
)
