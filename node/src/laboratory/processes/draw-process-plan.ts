// Draws a plan for real processes from a seed: the kinds of faults that were asked for take turns, so
// that a run of some minutes has several of each; which fault it is, whom it hits, for how long and
// when the next one comes are drawn. Some overlap. The plan is one like any other (../plan/plan.ts);
// its settings of a simulated world mean nothing here and are the tamest.
import { keyedRandom, type Random } from '@quorate/actors'
import { faultTable } from '../plan/fault-table.ts'
import type { Plan, Step } from '../plan/plan.ts'
import { appends, deliveries, disks, latencies, sizes, usualTiming } from '../plan/plan-menu.ts'
import type { TargetKind } from '../plan/target-grammar.ts'
import { type FaultWord, faultWords, type ProcessFault } from './applicable-faults.ts'

export interface DrawOptions {
  readonly seed: number
  readonly nodes: 1 | 3 | 5
  readonly durationMs: number
  readonly partitions: number
  readonly faults: readonly FaultWord[]
}

const firstMs = 2_000
/** From the start of one fault to that of the next. */
const gapsMs: readonly number[] = [500, 1_500, 3_000, 4_000, 6_000]

const lastingMs: Readonly<Record<FaultWord, readonly number[]>> = {
  kill: [0, 200, 1_000, 3_000],
  // Longer than a leader may be silent, and shorter.
  pause: [300, 1_500, 3_000, 6_000],
  partition: [500, 2_000, 4_000, 8_000],
  link: [500, 2_000, 4_000],
  'disk-full': [2_000, 4_000, 8_000],
  damage: [100, 500, 2_000],
}

export function drawProcessPlan(options: DrawOptions): Plan {
  const { seed, nodes, durationMs, partitions } = options
  const settings = {
    ...usualTiming,
    ...appends[0]!,
    ...latencies[0]!,
    ...disks[0]!,
    ...sizes[0]!,
    ...deliveries[0]!,
    splitPerMille: 0,
  }
  const load = { producers: 4, everyMs: 10, burst: 1, valueBytes: 100, keys: 0, churnEveryMs: 0 }
  const replicas = nodes === 1 ? 1 : 3
  const workload = { ...load, durationMs, partitions, replicas } as const
  return { version: 1, seed, nodes, settings, workload, steps: drawSteps(options) }
}

function drawSteps({ seed, durationMs, partitions, faults }: DrawOptions): Step[] {
  const random = keyedRandom(`processes/${seed}`)
  const steps: Step[] = []
  let turn: FaultWord[] = []
  for (let atMs = firstMs; faults.length > 0; atMs += pick(random, 'gap', gapsMs)) {
    if (turn.length === 0) turn = shuffled(random, faults)
    const word = turn.pop()!
    const forMs = pick(random, 'for', lastingMs[word])
    if (atMs + forMs >= durationMs) break
    const fault: ProcessFault = pick(random, 'fault', faultWords[word])
    const target = drawTarget(random, fault, partitions)
    const detail = word === 'damage' ? { detail: 'any' } : {}
    steps.push({ atMs, fault, target, forMs, ...detail })
  }
  return steps
}

function drawTarget(random: Random, fault: ProcessFault, partitions: number): string {
  const allowed: readonly TargetKind[] = faultTable[fault].targets
  const group = ['metadata', ...Array(partitions).keys()][random.integer('group', partitions + 1)]!
  if (!allowed.includes('one'))
    return `leader:${group}/follower:${group}:${random.integer('to', 2)}`
  if (allowed.includes('all') && random.integer('all', 8) === 0) return 'all'
  const leader = `leader:${group}`
  return pick(random, 'role', [leader, leader, `follower:${group}:${random.integer('which', 2)}`])
}

function pick<Value>(random: Random, purpose: string, menu: readonly Value[]): Value {
  return menu[random.integer(purpose, menu.length)]!
}

function shuffled<Value>(random: Random, values: readonly Value[]): Value[] {
  const rest = [...values]
  return values.map(() => rest.splice(random.integer('turn', rest.length), 1)[0]!)
}
