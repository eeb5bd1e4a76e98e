// Draws single steps: any fault of a swarm, aimed, dated and detailed as its row in the fault table
// allows. A draft is drawn before swarm and duration are known, so that each part of it shrinks on its own.
// plan-mixed.ts and plan-long.ts make plans of them.
import fc from 'fast-check'
import { type FaultName, type FaultRow, faultTable } from './fault-table.ts'
import type { Step } from './plan.ts'
import { aimed } from './plan-arbitrary.ts'
import { fileMenu, messageMenu, numberMenu, stepMs } from './plan-menu.ts'
import type { TargetKind } from './target-grammar.ts'

/** Milliseconds by which a calendar jumps. */
const jumpMenu: readonly string[] = ['+7000', '+100', '-100', '+60000', '-60000', '-86400000']
/** Millionths by which clocks drift. */
const driftMenu: readonly string[] = ['+500', '-500', '+20000', '-20000', '+100000']

export const stepDraft = fc.record({
  ...aimed,
  client: fc.constantFrom('client:0', 'client:1'),
  message: fc.constantFrom(...messageMenu),
  file: fc.constantFrom(...fileMenu),
  number: fc.constantFrom(...numberMenu),
  jump: fc.constantFrom(...jumpMenu),
  drift: fc.constantFrom(...driftMenu),
  /** Per cent of the duration. */
  at: fc.nat(99),
  /** Which entry of a menu. */
  length: fc.nat(59),
})

type StepDraft = typeof stepDraft extends fc.Arbitrary<infer Drawn> ? Drawn : never

/** How often a fault that takes several kinds of targets gets each. */
const kindWeights: readonly (readonly [TargetKind, number])[] = [
  ['one', 6],
  ['pair', 4],
  ['client', 4],
  ['minority', 1],
  ['all', 1],
]

function targetOf(fault: FaultName, drawn: StepDraft): string {
  // A partition moves to a node that has no replica of it: to an added one.
  if (fault === 'move-partition') return `node:${3 + (drawn.kind % 3)}`
  const { targets, detail }: FaultRow = faultTable[fault]
  const kinds = kindWeights
    .filter(([kind]) => targets.includes(kind))
    .flatMap(([kind, weight]) => Array<TargetKind>(weight).fill(kind))
  const kind = kinds[drawn.kind % kinds.length]!
  if (kind === 'all') return 'all'
  // Messages between nodes are all that faults of messages are about.
  return kind === 'pair' && detail === 'message' ? drawn.nodePair : drawn[kind]
}

function detailOf(fault: FaultName, drawn: StepDraft): Pick<Step, 'detail'> {
  const { detail }: FaultRow = faultTable[fault]
  switch (detail) {
    case 'message':
      return { detail: drawn.message }
    case 'file':
      return { detail: drawn.file }
    case 'number':
      return { detail: drawn.number }
    case 'signed':
      return { detail: fault === 'drift-clock' ? drawn.drift : drawn.jump }
    default:
      return {}
  }
}

/** `swarm`, `lengthsMs`: what fault and duration are taken from. */
export function stepOf(
  drawn: StepDraft,
  swarm: readonly FaultName[],
  durationMs: number,
  lengthsMs: readonly number[],
): Step {
  const fault = swarm[drawn.fault % swarm.length]!
  const atMs = Math.floor((drawn.at * durationMs) / 100 / stepMs) * stepMs
  const target = targetOf(fault, drawn)
  const forMs = lengthsMs[drawn.length % lengthsMs.length]!
  return { atMs, fault, target, forMs, ...detailOf(fault, drawn) }
}

/** Term and vote are in two files: of a node that loses one, the other is hit as well, or not. */
export function bothCopies(step: Step, { kind }: StepDraft): readonly Step[] {
  if (step.detail !== 'hard.A' || kind % 2 === 0) return [step]
  const target = `node:${kind % 3}`
  return [
    { ...step, target },
    { ...step, target, detail: 'hard.B' },
  ]
}
