import {
  faultTable,
  type Plan,
  runPlan,
  SimulatedCluster,
  type SimulatedNode,
  type Step,
} from 'quorate/laboratory'
import { describe, expect, test } from 'vitest'
import { smallPlan } from './support/small-plan.ts'

const nodes5: Partial<Plan> = { nodes: 5 }

const lasting = (durationMs: number): Partial<Plan> => ({
  workload: { ...smallPlan([]).workload, durationMs, everyMs: 1_000 },
})

/** Of every fault one step that takes effect. */
const steps: Readonly<
  Record<string, { readonly step?: Partial<Step>; readonly plan?: Partial<Plan> }>
> = {
  isolate: { step: { target: 'leader:0' } },
  'isolate-peers': { step: { target: 'leader:0' } },
  mute: { step: { target: 'leader:0' } },
  deafen: { step: { target: 'leader:0' } },
  cut: { step: { target: 'leader:0/follower:0:0' } },
  'cut-forward': { step: { target: 'leader:0/follower:0:0' } },
  split: { step: { target: 'minority:0' } },
  'isolate-majority': { step: { target: 'minority:0' } },
  bridge: { step: { target: 'node:0' } },
  ring: { plan: nodes5 },
  clog: { step: { target: 'leader:0' } },
  swizzle: {},
  'slow-link': {},
  'lose-messages': { step: { detail: 'append-replies' } },
  'delay-messages': { step: { detail: 'heartbeats' } },
  'reorder-messages': { step: { detail: 'any' } },
  'repeat-messages': { step: { detail: 'appends' } },
  'replay-messages': { step: { detail: 'any' } },
  'replay-old-messages': { step: { forMs: 100, detail: 'any' }, plan: lasting(45_000) },
  reset: {},
  delay: {},
  power: { step: { target: 'leader:0' } },
  kill: {},
  stop: { step: { target: 'leader:0' } },
  pause: { step: { target: 'leader:0' } },
  'slow-node': { step: { target: 'leader:0' } },
  'rolling-restart': {},
  'transfer-storm': {},
  'jump-clock': { step: { detail: '-60000' } },
  'freeze-clock': {},
  'drift-clock': { step: { target: 'leader:0', detail: '+50000' } },
  'slow-disk': {},
  'stall-file': { step: { detail: 'wal' } },
  'crash-client': {},
  'pause-client': { step: { target: 'client:0' } },
  'jump-client-clock': { step: { detail: '-60000' } },
  'lose-requests': {},
  'lose-replies': { step: { target: 'client:1' } },
  'repeat-produces': {},
  'pause-reader': {},
  'stall-disk': { step: { target: 'leader:0' } },
  'full-disk': {},
  flip: { step: { target: 'follower:0:0', detail: 'wal' } },
  zero: { step: { target: 'follower:0:0', detail: 'segment' } },
  truncate: { step: { target: 'follower:0:0', detail: 'segment' } },
  delete: { step: { target: 'follower:0:0', detail: 'segment' } },
  stale: { step: { target: 'follower:0:0', detail: 'manifest.A' } },
  swap: { step: { target: 'follower:0:0', detail: 'segment' } },
  'flip-read': { step: { target: 'follower:0:0', detail: 'segment' } },
  'misdirect-read': { step: { target: 'follower:0:0', detail: 'segment' } },
  'lose-disk': { step: { target: 'follower:0:0' } },
  'fail-read': { step: { detail: 'any' } },
  'fail-write': { step: { target: 'leader:0', detail: 'wal' } },
  'fail-sync': { step: { target: 'leader:0', detail: 'any' } },
  'power-at': { step: { target: 'leader:0', detail: '5' } },
  'power-loop': { step: { target: 'leader:0', detail: '30' } },
  'spoil-majority': { step: { detail: '1' }, plan: { damage: 'beyond' } },
  'spoil-all': { step: { detail: '1' }, plan: { damage: 'beyond' } },
  'add-node': {},
  'remove-node': { step: { target: 'node:3' }, plan: nodes5 },
  'replace-node': { step: { target: 'node:0' } },
  'move-partition': { step: { target: 'node:3', detail: '2' }, plan: nodes5 },
  rebalance: {},
}

describe('every fault of a plan takes effect, and is over when it is healed', () => {
  test('there is a step for each', () => {
    expect(Object.keys(steps).sort()).toEqual(Object.keys(faultTable).sort())
  })

  test.each(Object.entries(steps))('%s', { timeout: 60_000 }, (fault, { step, plan }) => {
    const result = runPlan(smallPlan([{ ...step, fault } as Partial<Step>], plan))
    expect(result.violations).toEqual([])
    expect(result.applied).toMatchObject({ [fault]: 1 })
    const others = Object.entries(result.applied).filter(([name]) => name !== fault)
    expect(others.filter(([, count]) => count > 0)).toEqual([])
  })
})

// run-plan.ts asks what is still wrong when all is healed, and then for writes, health and equal replicas.
describe('every fault that is in force when all is healed ends with that', () => {
  test.each(Object.entries(steps))('%s', { timeout: 60_000 }, (fault, { step, plan }) => {
    const small = smallPlan([{ ...step, fault, forMs: 600_000 } as Partial<Step>], plan)
    const workload = { ...small.workload, durationMs: 1_700, everyMs: 100 }
    const result = runPlan({ ...small, workload })
    expect(result.violations).toEqual([])
    // Nothing waited for its ten minutes to pass.
    expect(result.simulatedMs).toBeLessThan(200_000)
  })
})

describe('what lasts is named', () => {
  const named: Readonly<Record<string, (node: SimulatedNode) => void>> = {
    'is paused': (node) => node.pause(),
    'has another calendar': (node) => node.jumpClock(-5),
    'has a calendar that stands still': (node) => node.freezeClock(true),
    'has clocks that drift': (node) => node.driftClock(20),
    'has a disk that stalls': ({ disk }) => disk.stall(60_000),
    'has a disk that is slow': ({ disk }) => disk.slow(10),
    'has a disk that has no room': ({ disk }) => {
      disk.capacityBytes = disk.usedBytes()
    },
    'has a disk that fails operations': ({ disk }) =>
      disk.fail({ operation: 'read', path: /^/, code: 'EIO' }),
    'has a disk that damages what is read or written': ({ disk }) =>
      disk.damage.apply({ kind: 'misdirect', path: '/data/hard.A' }),
    'has a disk that crashes at an operation': ({ disk }) =>
      disk.crashPoints.set({ operation: 1_000, when: 'after' }, () => {}),
  }

  test.each(Object.entries(named))('%s', (text, begin) => {
    const node = new SimulatedCluster(smallPlan([])).node('n1')
    node.start()
    expect(node.lasting).toEqual([])
    begin(node)
    expect(node.lasting).toEqual([text])
  })
})
