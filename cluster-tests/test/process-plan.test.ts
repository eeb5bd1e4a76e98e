// Plans for real processes: drawn from a seed, of the same format as all others, and only of faults
// that processes can have.
import {
  drawProcessPlan,
  type FaultWord,
  faultWords,
  inapplicableFaults,
  isProcessFault,
  parsePlan,
  whyNot,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

const words = Object.keys(faultWords) as FaultWord[]
const options = { seed: 1, nodes: 3, durationMs: 600_000, partitions: 6, faults: words } as const

describe('a plan for real processes', () => {
  test('is a plan, and the same one for the same seed', () => {
    const plan = drawProcessPlan(options)
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
    expect(drawProcessPlan(options)).toEqual(plan)
    expect(drawProcessPlan({ ...options, seed: 2 }).steps).not.toEqual(plan.steps)
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'of seed %i has each kind of fault several times within ten minutes, and all are over in time',
    (seed) => {
      const { steps } = drawProcessPlan({ ...options, seed })
      for (const word of words) {
        const names: readonly string[] = faultWords[word]
        expect(steps.filter(({ fault }) => names.includes(fault)).length).toBeGreaterThan(10)
      }
      for (const { fault, atMs, forMs } of steps) {
        expect(isProcessFault(fault)).toBe(true)
        expect(atMs + forMs).toBeLessThan(options.durationMs)
      }
    },
  )

  test('has the asked faults only, and none when none are asked for', () => {
    const { steps } = drawProcessPlan({ ...options, faults: ['pause'] })
    expect(new Set(steps.map(({ fault }) => fault))).toEqual(new Set(['pause']))
    expect(drawProcessPlan({ ...options, faults: [] }).steps).toEqual([])
  })

  test('leaves out faults of simulated worlds, each with a reason', () => {
    expect(inapplicableFaults).toContain('power')
    expect(whyNot('power')).toContain('power of this machine')
    expect(whyNot('jump-clock')).toContain('share the clock')
    expect(whyNot('flip-read')).toContain('simulated')
  })
})
