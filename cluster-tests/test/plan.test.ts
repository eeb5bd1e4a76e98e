import { aim, type Plan, parsePlan, parseTarget, planOfSeed } from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'

const drawn = (): Plan => JSON.parse(JSON.stringify(planOfSeed(1))) as Plan

describe('plans', () => {
  test('a drawn plan is valid, and the same number draws the same plan', () => {
    for (let seed = 0; seed < 50; seed += 1) {
      const plan = planOfSeed(seed)
      expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan)
      expect(planOfSeed(seed)).toEqual(plan)
    }
  })

  const wrong: readonly [string, (plan: Plan) => object, string][] = [
    ['another version', (plan) => ({ ...plan, version: 2 }), 'version'],
    ['two nodes', (plan) => ({ ...plan, nodes: 2 }), 'nodes'],
    ['more copies than nodes', (plan) => ({ ...plan, nodes: 1 }), 'workload.replicas'],
    [
      'an unknown setting',
      (plan) => ({ ...plan, settings: { ...plan.settings, colour: 1 } }),
      'settings.colour',
    ],
    [
      'a missing setting',
      (plan) => ({ ...plan, workload: { ...plan.workload, burst: undefined } }),
      'workload.burst',
    ],
    [
      'an unknown fault',
      (plan) => ({ ...plan, steps: [{ atMs: 0, fault: 'rain', target: 'all', forMs: 0 }] }),
      'steps[0].fault',
    ],
    [
      'a target the fault does not take',
      (plan) => ({ ...plan, steps: [{ atMs: 0, fault: 'cut', target: 'node:0', forMs: 0 }] }),
      'steps[0].target',
    ],
    [
      'a time that is no number',
      (plan) => ({ ...plan, steps: [{ atMs: '0', fault: 'kill', target: 'all', forMs: 0 }] }),
      'steps[0].atMs',
    ],
  ]
  test.each(wrong)('%s is refused by name', (_, change, name) => {
    expect(() => parsePlan(change(drawn()))).toThrow(name)
  })
})

describe('targets', () => {
  const at = {
    nodeNames: ['n1', 'n2', 'n3', 'n4', 'n5'],
    clientNames: ['c1', 'c2'],
    leaderOf: (group: unknown) => (group === 'metadata' ? 'n2' : group === 0 ? 'n4' : undefined),
    membersOf: (group: unknown) => (group === 'metadata' ? ['n1', 'n2', 'n3'] : ['n3', 'n4', 'n5']),
  }
  const cases: readonly [string, readonly string[]][] = [
    ['node:6', ['n2']],
    ['leader:0', ['n4']],
    ['new-leader:metadata', ['n2']],
    ['follower:0:0', ['n3']],
    ['follower:0:3', ['n5']],
    ['leader:7', []],
    ['minority:4', ['n5', 'n1']],
    ['all', ['n1', 'n2', 'n3', 'n4', 'n5']],
    ['client:3/leader:0', ['c2', 'n4']],
    ['client:3', []],
    ['leader:0/node:3', []],
  ]
  test.each(cases)('%s hits %j', (text, nodes) => {
    expect(aim(parseTarget(text)!, at).nodes).toEqual(nodes)
  })

  test('a client is hit by itself, counted round', () => {
    expect(aim(parseTarget('client:3')!, at)).toEqual({ nodes: [], client: 'c2' })
  })

  test.each(['', 'node', 'node:', 'leader:0:1', 'follower:0', 'client:', 'all/all', 'leader:x'])(
    '%j is no target',
    (text) => {
      expect(parseTarget(text)).toBeUndefined()
    },
  )
})
