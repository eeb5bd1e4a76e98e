// The shrinker against predicates of which the smallest plan is known: it must find it, in few runs,
// and may not slip to another kind of failure.
import {
  firstCursor,
  type Plan,
  parsePlan,
  planOfSeed,
  shrinkPlan,
  simpler,
  violationKind,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

const limitMs = 60_000

/** Plans with up to 24 steps, each at a time of its own. */
const wide = Array.from({ length: 400 }, (_, seed) => planOfSeed(seed))
  .filter(({ steps }) => steps.length >= 6)
  .slice(0, 60)
  .map((plan) => ({
    ...plan,
    steps: plan.steps.map((step, place) => ({ ...step, atMs: 400 * place })),
  }))

/** Fails when these steps are there, however they are aimed and however long they last. */
function needs(essential: Plan['steps']): (plan: Plan) => boolean {
  return ({ steps }) => essential.every(({ atMs }) => steps.some((step) => step.atMs === atMs))
}

/** Three different ones, spread over the plan. */
function essentialOf({ steps, seed }: Plan): Plan['steps'] {
  const places = [seed, seed * 7 + 1, seed * 13 + 5].map((number) => number % steps.length)
  return [...new Set(places)].map((place) => steps[place]!)
}

const isTameEnough = ({ settings, workload }: Plan) =>
  settings.splitPerMille === 0 && workload.partitions === 1 && workload.keys === 0

/** Runs after the first failure, of all plans. */
function measure(plans: readonly Plan[]): { readonly median: number; readonly worst: number } {
  const runs = plans
    .map((plan) => {
      const essential = essentialOf(plan)
      const fails = needs(essential)
      const violated = (candidate: Plan) => (fails(candidate) ? ['lost'] : [])
      const shrunk = shrinkPlan(plan, ['lost'], violated, limitMs)
      expect(shrunk.plan.steps.map(({ fault }) => fault)).toEqual(
        plan.steps.filter((step) => essential.includes(step)).map(({ fault }) => fault),
      )
      expect(isTameEnough(shrunk.plan)).toBe(true)
      return shrunk.runs
    })
    .sort((a, b) => a - b)
  return { median: runs[Math.floor(runs.length / 2)]!, worst: runs.at(-1)! }
}

describe('a plan of which three steps matter', () => {
  test('is cut down to them and tamed, in a number of runs that is known', () => {
    expect(wide.length).toBe(60)
    const { median, worst } = measure(wide)
    process.stdout.write(`shrinking to three steps: median ${median} runs, worst ${worst}\n`)
    expect(median).toBeLessThanOrEqual(45)
    expect(worst).toBeLessThanOrEqual(70)
  })

  test('stays as it is when nothing else fails', () => {
    const plan = wide[0]!
    const { plan: same, violations } = shrinkPlan(plan, ['lost'], () => [], limitMs)
    expect(same).toEqual(plan)
    expect(violations).toEqual(['lost'])
  })
})

describe('while shrinking', () => {
  test('no candidate is run twice, and each is a valid plan that differs from the one before', () => {
    for (const plan of wide.slice(0, 20)) {
      const seen = new Set<string>()
      const fails = needs(essentialOf(plan))
      shrinkPlan(
        plan,
        ['lost'],
        (candidate) => {
          const text = JSON.stringify(candidate)
          expect(seen).not.toContain(text)
          seen.add(text)
          expect(parsePlan(JSON.parse(text))).toEqual(candidate)
          return fails(candidate) ? ['lost'] : []
        },
        limitMs,
      )
    }
  })

  test('each candidate is a plan, and has fewer steps or tamer ones', () => {
    for (const candidate of simpler(wide[0]!, firstCursor)) {
      expect(parsePlan(candidate.plan)).toEqual(candidate.plan)
      expect(candidate.plan).not.toEqual(wide[0])
      expect(candidate.plan.steps.length).toBeLessThanOrEqual(wide[0]!.steps.length)
    }
  })

  test('a failure of another kind does not count', () => {
    const plan = wide[0]!
    const [first] = plan.steps
    const run = ({ steps }: Plan) =>
      steps.includes(first!)
        ? ['acked c1-7 at 0@3 is lost']
        : ['n2 leads 5/0 in term 4 without entry 7 of term 3, which was acked']
    const { plan: shrunk } = shrinkPlan(plan, ['acked c2-9 at 1@8 is lost'], run, limitMs)
    expect(shrunk.steps.map(({ fault }) => fault)).toEqual([first!.fault])
  })

  test('it ends when its time is over, with what it has', () => {
    const plan = wide[0]!
    expect(shrinkPlan(plan, ['lost'], () => ['lost'], 0)).toEqual({
      plan,
      runs: 0,
      violations: ['lost'],
    })
  })
})

describe('the kind of a violation', () => {
  const same: readonly (readonly [string, string])[] = [
    ['acked c1-7 at 0@3 is lost', 'acked c2-91 at 2@17 is lost'],
    [
      'n1: error actor.failed {"error":"Error: a\\n at b"}',
      'n3: error actor.failed {"error":"Error: a',
    ],
    [
      'c1-7 was acked at 0@3 and is synced on 1 disks (n1), not 2',
      'c2-8 was acked at 1@4 and is synced on 2 disks (n1,n2), not 3',
    ],
  ]
  test.each(same)('%j is that of %j', (one, other) => {
    expect(violationKind(one)).toBe(violationKind(other))
  })

  test('tells what was violated apart', () => {
    const kinds = ['acked a1 at 0@3 is lost', 'acked a1 is there 2 times: 0@1, 0@2'].map(
      violationKind,
    )
    expect(new Set(kinds).size).toBe(2)
  })
})
