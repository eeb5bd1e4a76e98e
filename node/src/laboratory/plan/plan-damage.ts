// Draws plans that damage files, fail operations and cut the power in the middle of things: a plan as
// plan-arbitrary.ts draws it, some of its steps, and steps of one swarm of storage faults among them.
// Shrinks like every plan. Number n always draws the same plan.
import fc from 'fast-check'
import { type FaultName, type FaultRow, faultTable } from './fault-table.ts'
import type { Plan, Step } from './plan.ts'
import { planArbitrary } from './plan-arbitrary.ts'
import {
  chainGapsMs,
  chainLinksMax,
  fileMenu,
  numberMenu,
  oneBusyPartition,
  stepMs,
} from './plan-menu.ts'

const stepsMax = 8
const keptStepsMax = 6

/** Storage faults that are drawn together in one run. */
const swarms: readonly (readonly FaultName[])[] = [
  ['flip', 'zero'],
  ['truncate', 'delete', 'flip'],
  ['stale', 'swap', 'zero'],
  ['power-at', 'power-loop', 'power'],
  ['power-loop', 'flip', 'truncate'],
  ['fail-write', 'fail-sync', 'fail-read'],
  ['fail-sync', 'power-at', 'flip'],
  ['flip', 'flip-read', 'misdirect-read', 'delete'],
  ['lose-disk', 'flip', 'power'],
  ['flip', 'zero', 'truncate', 'delete', 'stale', 'swap', 'power-loop', 'fail-write', 'power-at'],
]

/** Of plans that go beyond the bound. */
const beyondSwarms: readonly (readonly FaultName[])[] = [
  ['spoil-all'],
  ['spoil-majority', 'power'],
  ['spoil-all', 'flip', 'power'],
  ['flip', 'zero'],
  ['truncate', 'delete', 'flip'],
  ['stale', 'swap', 'zero'],
]

const awayMs: readonly number[] = [200, 0, 50, 800, 2_000]

const draft = fc.record({
  fault: fc.nat(59),
  target: fc.constantFrom(
    ...['leader:0', 'leader:metadata', 'follower:0:0', 'follower:0:1', 'follower:1:0'],
    ...['node:0', 'node:1', 'node:2', 'node:4', 'minority:0', 'minority:1', 'all', 'all'],
  ),
  file: fc.constantFrom(...fileMenu),
  operation: fc.constantFrom(...numberMenu),
  /** Per cent of the duration. */
  at: fc.nat(99),
  forMs: fc.constantFrom(...awayMs),
})

type Draft = typeof draft extends fc.Arbitrary<infer Drawn> ? Drawn : never

function stepOf(drawn: Draft, swarm: readonly FaultName[], durationMs: number): Step {
  const fault = swarm[drawn.fault % swarm.length]!
  const row: FaultRow = faultTable[fault]
  const { targets, detail } = row
  const wide = drawn.target === 'all' ? 'all' : 'minority'
  const isOne = /^(leader|follower|node)/.test(drawn.target)
  const kind = isOne ? 'one' : wide
  const other = targets.includes('one') ? 'leader:0' : 'all'
  const target = targets.includes(kind) ? drawn.target : other
  const atMs = Math.floor((drawn.at * durationMs) / 100 / stepMs) * stepMs
  const step = { atMs, fault, target, forMs: drawn.forMs }
  if (detail === 'file') return { ...step, detail: drawn.file }
  return detail === 'number' ? { ...step, detail: drawn.operation } : step
}

/**
 * What a damaged replica must not do: one follower falls behind, the other is damaged in what only
 * it and the leader have, and then the leader goes, so that the two elect.
 */
const link = fc.record({
  gapMs: fc.constantFrom(...chainGapsMs),
  behindMs: fc.constantFrom(600, 800, 1_000),
  fault: fc.constantFrom('flip' as const, 'zero' as const, 'truncate' as const, 'delete' as const),
  file: fc.constantFrom('wal' as const, 'wal' as const, 'segment' as const),
  damagedMs: fc.constantFrom(50, 100, 200),
  end: fc.constantFrom('isolate' as const, 'power' as const, 'pause' as const),
  endMs: fc.constantFrom(800, 1_000, 1_500),
})

type Link = typeof link extends fc.Arbitrary<infer Drawn> ? Drawn : never

function chainedSteps(links: readonly Link[], durationMs: number): Step[] {
  let atMs = -chainGapsMs[0]! / 2
  return links.flatMap(({ gapMs, behindMs, fault, file, damagedMs, end, endMs }): Step[] => {
    atMs = (atMs + gapMs) % (durationMs - behindMs)
    const damagedAtMs = atMs + behindMs - 2 * stepMs
    return [
      { atMs, fault: 'isolate', target: 'follower:0:0', forMs: behindMs },
      { atMs: damagedAtMs, fault, target: 'follower:0:1', forMs: damagedMs, detail: file },
      { atMs: damagedAtMs, fault: end, target: 'leader:0', forMs: endMs },
    ]
  })
}

/** `beyond`: plans that damage more than a cluster survives. */
function drawing(damage: 'within' | 'beyond'): fc.Arbitrary<Plan> {
  return fc
    .record({
      plan: planArbitrary,
      swarm: fc.constantFrom(...(damage === 'beyond' ? beyondSwarms : swarms)),
      drafts: fc.array(draft, { minLength: 2, maxLength: stepsMax, size: 'max' }),
      kept: fc.nat(keptStepsMax),
      majority: fc.constantFrom(false, false, true),
      chained: fc.constantFrom(false, false, damage === 'within'),
      links: fc.array(link, { minLength: 2, maxLength: chainLinksMax, size: 'max' }),
    })
    .map(({ plan, swarm, drafts, kept, majority, chained, links }) => {
      const { durationMs } = plan.workload
      const heal = majority && damage === 'within' ? ('majority' as const) : ('all' as const)
      if (chained) {
        const workload = { ...plan.workload, ...oneBusyPartition }
        return { ...plan, workload, steps: chainedSteps(links, durationMs), damage, heal }
      }
      const damages = drafts.map((drawn) => stepOf(drawn, swarm, durationMs))
      const steps = [...plan.steps.slice(0, kept), ...damages].sort((a, b) => a.atMs - b.atMs)
      return { ...plan, steps, damage, heal }
    })
}

export const damagePlans: Readonly<Record<'within' | 'beyond', fc.Arbitrary<Plan>>> = {
  within: drawing('within'),
  beyond: drawing('beyond'),
}
